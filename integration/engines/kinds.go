// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox/cgroup"
)

// program needs the daemon's program, and what it calls by name.
func (k Kind) program(t testing.TB) string {
	t.Helper()
	switch k {
	case V28:
		need.Program(t, "containerd")
		need.Program(t, "runc")
		return dockerd28(t)
	case Pod:
		need.Program(t, "runc")
		return versioned(t, need.Program(t, "podman"), "podman version 4.", "Debian 12's podman")
	}
	need.Program(t, "containerd")
	need.Program(t, "runc")
	return versioned(t, need.Program(t, "dockerd"), "Docker version 20.10.", "Debian 12's docker.io")
}

// versioned needs the program to be of the version that the row is about.
func versioned(t testing.TB, program, want, packaged string) string {
	t.Helper()
	out, err := exec.Command(program, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), want) {
		need.Skip(t, filepath.Base(program), "needs "+packaged+", and "+program+" says "+strings.TrimSpace(string(out)))
	}
	return program
}

// command is what the daemon is started with.
func (k Kind) command(program string, p plan) (argv, env []string, err error) {
	if k == Pod {
		return podmanCommand(program, p)
	}
	// What an engine is told where systemd has the cgroups must be a slice:
	// there its own default will do.
	var parent []string
	if h, err := cgroup.Detect(); err != nil || !h.ManagedBySystemd() {
		parent = []string{"--cgroup-parent=/" + p.Cgroup}
	}
	return append([]string{
		program, "--host=unix://" + p.Socket, "--data-root=" + p.Root, "--exec-root=" + filepath.Join(p.Dir, "exec"),
		"--pidfile=" + filepath.Join(p.Dir, "pid"), "--config-file=" + filepath.Join(p.Dir, "daemon.json"),
		"--bridge=" + p.Bridge,
		// The rules would be shared with the machine's own engine and with
		// the others here. Without them a bridge leads to this machine.
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false",
	}, parent...), nil, os.WriteFile(filepath.Join(p.Dir, "daemon.json"), []byte("{}\n"), 0o644)
}

// engineModule is Docker's, of the version that go.mod names.
const engineModule = "github.com/docker/docker"

// ReadyVariable names the environment variable that holds the path of a
// dockerd 28.5 that was built elsewhere, for machines without a compiler.
const ReadyVariable = "DRYDOCK_DOCKERD28"

// dockerd28 needs the program, built here.
func dockerd28(t testing.TB) string {
	t.Helper()
	if ready := os.Getenv(ReadyVariable); ready != "" {
		return ready
	}
	need.Program(t, "go")
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	path, err := BuildDockerd(ctx)
	if err != nil {
		need.Skip(t, "dockerd28", "needs a Docker Engine of the module "+engineModule+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return path
}
