// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/fidelity"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/native"
)

var (
	sandboxFlag = flag.String("fidelity.sandbox", "native", "the sandbox to ask")
	imageFlag   = flag.String("fidelity.image", "", "the image to ask it with, which has glibc and a shell with the usual programs; \"\": this machine's root file system")
	engineFlag  = flag.String("fidelity.engine", "", "a container engine to start for it, by its name in package engines, and to ask with an image of its own; \"\": the one that DOCKER_HOST tells")
)

// makers make a sandbox of each kind; leases is a directory for its locks.
var makers = map[string]func(ctx context.Context, l *lab, leases string) (sandbox.Sandbox, error){
	"native": func(_ context.Context, l *lab, leases string) (sandbox.Sandbox, error) {
		return native.New(native.Config{Shim: l.shim, LeaseDir: leases})
	},
	"docker": func(ctx context.Context, l *lab, leases string) (sandbox.Sandbox, error) {
		return docker.New(ctx, docker.Config{Engine: engine.Config{Host: l.engine}, LeaseDir: leases})
	},
}

// findImage takes the image of the flags, or an engine of its own with one.
func (l *lab) findImage(t *testing.T) {
	t.Helper()
	if l.image = *imageFlag; *engineFlag == "" {
		return
	}
	kinds := engines.Kinds()
	i := slices.IndexFunc(kinds, func(k engines.Kind) bool { return k.String() == *engineFlag })
	if i < 0 {
		t.Fatalf("-fidelity.engine=%s: no such engine; there are %v", *engineFlag, kinds)
	}
	e := engines.Shared(t, kinds[i])
	l.engine, l.image = e.Socket, engines.Busybox(t, e)
}

func (l *lab) newSandbox(t *testing.T, leases string) sandbox.Sandbox {
	t.Helper()
	sb, err := makers[*sandboxFlag](t.Context(), l, leases)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := sb.(io.Closer); ok { // it holds a connection
		t.Cleanup(func() { _ = c.Close() })
	}
	return sb
}

// backend is what the flags, this user and this machine make the column.
func backend(t *testing.T) fidelity.Backend {
	t.Helper()
	if makers[*sandboxFlag] == nil {
		t.Fatalf("-fidelity.sandbox=%s: no such sandbox; there are %v", *sandboxFlag, slices.Sorted(maps.Keys(makers)))
	}
	b := fidelity.Backend{Cgroup: need.CgroupVersion()}
	b.Name = fmt.Sprintf("%s-v%d", *sandboxFlag, b.Cgroup)
	if *sandboxFlag == "native" && os.Geteuid() != 0 {
		if !need.InGuest() || b.Cgroup != 2 {
			need.Root(t) // or an ordinary user of a guest, where a systemd delegates cgroups
		}
		b.Name = "rootless"
		return b
	}
	need.Root(t)
	need.Cgroups(t)
	return b
}
