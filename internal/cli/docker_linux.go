// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/devicecheck"
	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/limits"
)

func (hostSandboxes) Docker(ctx context.Context, p Place) (sandbox.Sandbox, error) {
	config := dockerConfig(p)
	config.Ahead = p.Attempt
	config.Engine.CacheDir = filepath.Join(p.StateDir, "cache", "engines")
	box, err := docker.New(ctx, config)
	if err != nil {
		return nil, err // not a nil *docker.Sandbox
	}
	return box, nil
}

func dockerConfig(p Place) docker.Config {
	c := docker.Config{LeaseDir: p.LeaseDir, Engine: engine.Config{LockDir: filepath.Join(p.StateDir, "cache", "pulls")}}
	if p.OnStray != nil {
		c.OnStray = func(s docker.Stray) { p.OnStray(strayText(s)) }
	}
	return c
}

// engineChecks are what tasks with an image can rely on.
func engineChecks(ctx context.Context, p Place) []Check {
	box, err := docker.New(ctx, dockerConfig(p))
	if err != nil {
		c := Check{Name: "engine", State: sandbox.NotEnforced, Why: err.Error(), Essential: true, Sandbox: sandboxDocker}
		if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
			c.Why, c.Fix = e.What, e.Remedy
		}
		return []Check{c}
	}
	defer box.Close()
	checks := []Check{{Name: "engine", State: sandbox.Enforced, Why: engineText(box.Info()), Essential: true}}
	everything := sandbox.Spec{Image: "any", Network: sandbox.NetworkBridge, Mounts: []sandbox.Mount{{}}, Limits: limits.Limits{GroupKill: true, Disk: 1}}
	checks = append(checks, limitChecks(box, everything, engineFix(box.Info()))...)
	for i := range checks {
		checks[i].Sandbox = sandboxDocker
	}
	return checks
}

// DeviceEngine is what matters of the container engine for accelerators; nil:
// there is none.
func (hostSandboxes) DeviceEngine(ctx context.Context, p Place) *devicecheck.Engine {
	box, err := docker.New(ctx, dockerConfig(p))
	if err != nil {
		return nil // engineChecks say why
	}
	defer box.Close()
	i := box.Info()
	return &devicecheck.Engine{Name: i.String(), Podman: i.Podman(), Local: i.Local, Runtimes: i.Runtimes, CDIDirs: i.CDIDirs,
		Systemd: i.CgroupDriver == "systemd"}
}

// engineText is an engine in a line.
func engineText(i engine.Info) string {
	where := "on this machine"
	if !i.Local {
		where = "elsewhere"
		if i.Remote != "" {
			where += " (" + i.Remote + ")"
		}
	}
	text := fmt.Sprintf("%s (API %s) %s, cgroup v%d by %s", i, i.API, where, i.CgroupVersion, i.CgroupDriver)
	if i.Rootless {
		text += ", rootless"
	}
	return text + "; " + i.Endpoint + " (" + i.Origin + ")"
}

// engineFix says what to do about a limit that an engine does not hold.
func engineFix(i engine.Info) func(limit string) string {
	return func(limit string) string {
		switch {
		case limit == "disk" && i.Local && os.Geteuid() != 0:
			return "run drydock as root, which may see all of a container's writable layer"
		case limit == "disk":
			return "run the task without an image, or on an engine of this machine that stores layers with overlay2"
		case limit == "hugepages":
			return "free the reserved huge pages of the engine's machine (vm.nr_hugepages=0)"
		case limit == "abstract-sockets":
			return "run with --network bridge or none"
		case limit == "mounts":
			return "name paths of the engine's machine; what lies in a container beside it, bind there from the same path"
		case limit == "users":
			return "let such a directory be writable for the ids that root is mapped to, or take --userns-remap from the engine"
		case limit == "oom-evidence":
			return evidenceFix(i, os.Geteuid() == 0)
		case limit == "group-kill" && (!i.Local || os.Geteuid() != 0 || i.CgroupDriver != "cgroupfs" || i.CgroupVersion == 2):
			return "see oom-evidence"
		}
		return fixes[limit]
	}
}

// evidenceFix says what lets drydock put this engine's containers below cgroups
// of its own.
func evidenceFix(i engine.Info, root bool) string {
	switch {
	case !i.Local:
		return "run drydock on the engine's own machine, outside of any container, as root"
	case i.Rootless:
		return "use an engine that root runs, and drydock as root"
	case !root:
		return "run drydock as root, which may put the container below a cgroup of its own"
	case i.CgroupVersion == 1:
		return "have the engine use the cgroupfs driver (native.cgroupdriver=cgroupfs)"
	case i.Podman():
		return "use Docker Engine: on a machine of systemd's drydock owns no cgroups of Podman's"
	case i.CgroupDriver != "systemd":
		return "have the engine ask systemd for its cgroups (native.cgroupdriver=systemd)"
	}
	return "run drydock outside of any container, where it reaches the machine's systemd"
}

func cleanEngine(ctx context.Context, p Place) ([]string, error) {
	strays, err := docker.Clean(ctx, dockerConfig(p))
	if is[*sandbox.UnsupportedError](err) {
		return nil, nil
	}
	var names []string
	for _, s := range strays {
		names = append(names, strayText(s))
	}
	return names, err
}
