// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/leftover"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/sandboxtest"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// lacks are the cases that no engine can pass.
var lacks = map[string]string{
	"bytes":               "an engine takes arguments as JSON text",
	"start-errors-format": "the engine calls a file that the kernel cannot run a program that ended with 1",
	"hugetlb":             "the limit on huge pages is that of drydock's own group alone",
}

// lacksOf are lacks and what an engine's kind cannot pass beside them.
func lacksOf(e *engines.Engine) map[string]string {
	all := maps.Clone(lacks)
	if e.Kind == engines.Pod {
		all["devices-modes"] = "Podman 4.3 opens a device's node to everybody inside"
	}
	return all
}

func newSandbox(t testing.TB, e *engines.Engine, leaseDir string) *docker.Sandbox {
	t.Helper()
	return sandboxAt(t, e.Socket, leaseDir)
}

// sandboxAt is a sandbox on the engine at an endpoint.
func sandboxAt(t testing.TB, host, leaseDir string) *docker.Sandbox {
	t.Helper()
	s, err := docker.New(t.Context(), docker.Config{Engine: engine.Config{Host: host}, LeaseDir: leaseDir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inImage runs a spec of the suite's in an image: the program lies in the
// working directory, which is mounted where it is on the host; a prebuilt one
// is mounted, too.
func inImage(image string) func(sandbox.Spec) sandbox.Spec {
	return func(spec sandbox.Spec) sandbox.Spec {
		spec.Image = image
		mounts := []sandbox.Mount{{Source: spec.WorkDir, Target: spec.WorkDir}}
		if prebuilt != "" {
			mounts = append(mounts, sandbox.Mount{Source: prebuilt, Target: prebuilt, ReadOnly: true})
		}
		spec.Mounts = append(mounts, spec.Mounts...)
		return spec
	}
}

// prebuilt is the suite's program where there is no compiler (a test guest).
var prebuilt = os.Getenv("DRYDOCK_HOG")

func TestConformance(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	for _, e := range engines.All(t) {
		t.Run(e.Name, func(t *testing.T) { conform(t, e) })
	}
}

func conform(t *testing.T, e *engines.Engine) {
	leases := t.TempDir()
	groupKill := sandbox.GroupEmulated
	if need.CgroupVersion() == 2 {
		groupKill = sandbox.GroupEnforced
	}
	sandboxtest.Conformance(t, sandboxtest.Backend{
		Name:          "docker",
		New:           func(t testing.TB) sandbox.Sandbox { return newSandbox(t, e, leases) },
		Adapt:         inImage(engines.Busybox(t, e)),
		CgroupVersion: need.CgroupVersion(),
		GroupKill:     groupKill,
		Kernel:        true,
		Durable:       true,
		OwnedParent:   true,
		HardLayer:     heldLayer(e),
		Program:       prebuilt,
		Lacks:         lacksOf(e),
		Foreign: func(i leftover.Item) bool {
			own := filepath.Dir(e.Root)
			others := strings.Contains(i.Name, "/drydock-engine-") && !strings.HasPrefix(i.Name, own+"/") // of tests beside these
			store := strings.HasPrefix(i.Name, e.Root+"/overlay ")                                        // Podman mounts it when it needs it
			return i.Kind == "mount" && (others || store)
		},
		SharedLimit: func(t testing.TB) (sandbox.Sandbox, string) {
			leases := t.TempDir()
			return newSandbox(t, e, leases), sharedBase(t, leases)
		},
	})
}

// groupBase is what every attempt's group lies in, by its lease directory.
var groupBase = regexp.MustCompile(`^/sys/fs/cgroup/(?:[^/]+/)?(drydock-[0-9a-f]{8})(?:/|$)`)

// foreign reports whether something is not of the attempts with these leases:
// of tests beside these, or what Podman mounts when it needs it, its store.
func foreign(i leftover.Item, e *engines.Engine, leases string) bool {
	switch i.Kind {
	case "mount":
		own := strings.HasPrefix(i.Name, filepath.Dir(e.Root)+"/")
		return !own && strings.Contains(i.Name, "/drydock-engine-") || strings.HasPrefix(i.Name, e.Root+"/overlay ")
	case "cgroup":
		base := groupBase.FindStringSubmatch(i.Name)
		return base != nil && base[1] != client.LeasesIn(leases).GroupBase()
	}
	return false
}

// heldLayer reports whether the engine can hold a layer to a size.
func heldLayer(e *engines.Engine) bool {
	way, err := hard.Find(e.Root)
	return err == nil && way == hard.Quota
}

// sharedBase makes the group that all attempts of one lease directory lie
// under, and keeps it while the test runs.
func sharedBase(t testing.TB, leaseDir string) string {
	t.Helper()
	h, err := cgroup.Detect()
	if err != nil {
		t.Fatal(err)
	}
	if h.ManagedBySystemd() {
		return budgetSlice(t)
	}
	h.Base = client.LeasesIn(leaseDir).GroupBase()
	base, err := h.HoldBase(filepath.Join(leaseDir, wire.BaseLock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Release() })
	dir := h.MemoryBase()
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	return dir
}

func TestForeign(t *testing.T) {
	const leases = "/run/lock/x"
	own := client.LeasesIn(leases).GroupBase()
	e := &engines.Engine{Root: "/tmp/drydock-engine-1/root"}
	for name, want := range map[string]bool{
		"cgroup /sys/fs/cgroup/memory/" + own + "/A.1":              false,
		"cgroup /sys/fs/cgroup/" + own:                              false,
		"cgroup /sys/fs/cgroup/memory/drydock-00000000/A.1/x":       true,
		"cgroup /sys/fs/cgroup/drydock-00000000":                    true,
		"cgroup /sys/fs/cgroup/drydock.slice/drydock-01A.1.slice":   false,
		"cgroup /sys/fs/cgroup/memory/libpod_parent/conmon":         false,
		"mount /tmp/drydock-engine-1/root/overlay2/x/merged (ext4)": false,
		"mount /tmp/drydock-engine-1/root/overlay (ext4)":           true,
		"mount /tmp/drydock-engine-2/root/overlay2/x/merged (ext4)": true,
		"mount /tmp/elsewhere (ext4)":                               false,
		"process 7 (sleep)":                                         false,
	} {
		kind, rest, _ := strings.Cut(name, " ")
		if got := foreign(leftover.Item{Kind: kind, Name: rest}, e, leases); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
