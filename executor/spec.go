// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/limits"
)

// spec translates attempt n of a completed task, kept in dir.
func (r *run) spec(n int, dir string, d resources.Demand) (sandbox.Spec, error) {
	t := r.task
	s := sandbox.Spec{
		ID: r.id, Attempt: n, Dir: dir,
		Args: t.Command, Env: t.environ(), WorkDir: t.WorkDir, User: t.User,
		Image: t.Image, Entrypoint: t.Entrypoint, Pull: t.Pull, Platform: t.Platform,
		Mounts: slices.Clone(t.Mounts), Hide: slices.Clone(t.Hide), ReadOnly: t.ReadOnly,
		Network: t.network(), Hosts: t.hosts(), Caps: sandbox.CapMode(r.profile.Security.Capabilities),
		TTY: t.TTY, Size: t.Size,
		Limits: limits.From(d, limits.Options{
			Pids:                 r.pidsLimit(),
			SingleProcessOOMKill: r.profile.Cgroup.SingleProcessOOMKill,
			PageSize:             int64(os.Getpagesize()),
			DiskEnforce:          cmp.Or(t.DiskEnforce, sandbox.DiskEnforce(r.profile.Disk.Enforce)),
		}),
		Log:     r.x.config.Log,
		Timeout: t.Timeout, Grace: t.grace(), KillDeaf: t.KillDeaf,
	}
	if s.Caps == "" {
		s.Caps = sandbox.CapsDefault
	}
	if judge := r.x.config.JudgeCommand; len(judge) > 0 {
		s.OnOrphaned = append(append([]string{}, judge...), dir)
	}
	if t.Scratch != "" {
		scratch, err := makeScratch(dir)
		if err != nil {
			return s, err
		}
		s.Mounts = slices.Insert(s.Mounts, 0, sandbox.Mount{Source: scratch, Target: t.Scratch})
	}
	return s, nil
}

// makeScratch makes the attempt's own writable directory. Everybody in the
// sandbox may write there, as into a Kubernetes emptyDir; on the host the
// directory above keeps others out.
func makeScratch(dir string) (string, error) {
	scratch := filepath.Join(dir, state.ScratchDir)
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return "", fmt.Errorf("make the scratch directory: %w", err)
	}
	if err := os.Chmod(scratch, 0o777); err != nil { // whatever the umask is
		return "", fmt.Errorf("make the scratch directory: %w", err)
	}
	return scratch, nil
}

// removeScratch removes it, unless the sandbox did so already. What cannot be
// removed is in the attempt's directory, whose owner cleans up.
func removeScratch(dir string) { _ = os.RemoveAll(filepath.Join(dir, state.ScratchDir)) }

// network is the one that was asked for, else what people know: docker run
// gives a container a bridge.
func (t Task) network() sandbox.Network {
	switch {
	case t.Network != "":
		return t.Network
	case t.Image != "":
		return sandbox.NetworkBridge
	default:
		return sandbox.NetworkHost
	}
}

// hostName is how Docker Desktop has taught people to call the machine.
const hostName = "host.docker.internal"

// hosts are the task's own lines of /etc/hosts and, on a bridge, where
// localhost is the container itself, one for the machine.
func (t Task) hosts() []string {
	hosts := slices.Clone(t.Hosts)
	if t.network() != sandbox.NetworkBridge {
		return hosts
	}
	for _, line := range hosts {
		if strings.HasPrefix(line, hostName+":") {
			return hosts
		}
	}
	return append(hosts, hostName+":host-gateway")
}

// grace is the time between SIGTERM and SIGKILL.
func (t Task) grace() time.Duration {
	switch {
	case t.Grace < 0:
		return 0
	case t.Grace == 0:
		return DefaultGrace
	default:
		return t.Grace
	}
}

// enforcement lays what drydock itself knows not to hold over what the
// sandbox said.
func enforcement(from []sandbox.Enforcement, d resources.Demand, a *Accelerators) []sandbox.Enforcement {
	all := append([]sandbox.Enforcement(nil), from...)
	own := a.enforcement()
	if d.Disk != nil {
		own = append(own, sandbox.Enforcement{Limit: "disk", State: sandbox.NotEnforced,
			Why: "this sandbox does not measure what a task writes to disk"})
	}
	for _, e := range own {
		if !slices.ContainsFunc(all, func(told sandbox.Enforcement) bool { return told.Limit == e.Limit }) {
			all = append(all, e)
		}
	}
	return all
}
