// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/docker"
	"drydock/sandbox/docker/engine"
)

// An engine that dies in mid-task and comes back may end the container or not:
// that is its own matter. How the program ended is known, it is no OOM, and
// nothing is left.
func TestEngineDies(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	e := engines.Own(t, engines.V20)
	s := newSandbox(t, e, t.TempDir())
	r := start(t, s, task(t, engines.Busybox(t, e), "echo up; sleep 5; exit 9"))
	r.says(t, "up")
	e.Kill(t)
	time.Sleep(300 * time.Millisecond)
	e.Start(t)
	o := r.end(t)
	if o.Exit == nil || o.Exit.Signal != "SIGKILL" && o.Exit.Code != 9 || o.Counters == nil || o.Counters.OOMKill != 0 || len(o.Stops) != 0 {
		t.Errorf("the outcome is %+v with %+v and %+v", o, o.Exit, o.Counters)
	}
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// With --live-restore the program does not even notice; the supervisor keeps
// its timeout without the engine, and says that output may be missing.
func TestEngineDiesLive(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	e := engines.Own(t, engines.V20, engines.Flags("--live-restore"))
	s := newSandbox(t, e, t.TempDir())
	image := engines.Busybox(t, e)
	passes := task(t, image, "echo up; "+until("back", ":")+until("seen", "echo late")+"exit 7")
	slow := task(t, image, "echo up; sleep 600")
	slow.Timeout = 2 * time.Second
	lone := task(t, image, "echo up; "+until("seen", ":")+"exit 6")
	signs := newSigns(t, &passes, &lone)
	through, late := start(t, s, passes), start(t, s, slow)
	far := start(t, sandboxAt(t, distant(t, e), t.TempDir()), lone)
	for _, r := range []*ran{through, late, far} {
		r.says(t, "up")
	}
	running(t, second(t, e), 3)
	e.Kill(t)
	time.Sleep(2 * time.Second) // the timeout runs out meanwhile
	e.Start(t)
	signs.give(t, "back")
	through.says(t, "late")
	signs.give(t, "seen")
	if o := late.end(t); len(o.Stops) != 2 || o.Stops[0].Reason != sandbox.StopTimeout || o.Exit == nil || o.Exit.Signal != "SIGKILL" {
		t.Errorf("the timeout: %+v, %+v", o.Stops, o.Exit)
	}
	if o := far.end(t); o.Exit == nil || o.Exit.Code != 6 || o.Counters == nil || o.Counters.OOMKill != 0 {
		t.Errorf("by the engine's word alone: %+v, %+v", o, o.Counters)
	}
	o := through.end(t)
	if o.Exit == nil || o.Exit.Code != 7 {
		t.Errorf("it ended with %+v", o.Exit)
	}
	if !strings.Contains(o.LogError, "went away") {
		t.Errorf("of the log it says %q", o.LogError)
	}
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// A container that somebody else removes: the kernel still tells how it ended.
func TestContainerRemoved(t *testing.T) {
	s, e := on20(t)
	r := start(t, s, task(t, engines.Busybox(t, e), "echo up; sleep 60"))
	r.says(t, "up")
	c := second(t, e)
	for _, l := range ours(t, c) {
		if err := c.Remove(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	if o := r.end(t); o.Exit == nil || o.Exit.Signal != "SIGKILL" || o.Counters == nil || o.Counters.OOMKill != 0 {
		t.Errorf("the outcome is %+v", o)
	}
}

// A start that is refused when the container has been made leaves none.
func TestStartRefused(t *testing.T) {
	s, e := on20(t)
	spec := task(t, engines.Busybox(t, e), "")
	spec.Args = []string{"no-such-program"}
	if o := start(t, s, spec).end(t); o.StartError == nil || o.StartError.Reason != sandbox.StartNotFound {
		t.Errorf("the outcome is %+v", o)
	}
	spec = task(t, engines.Busybox(t, e), "true")
	spec.User = "no-such-user"
	if o := start(t, s, spec).end(t); o.StartError == nil || o.StartError.Message == "" {
		t.Errorf("the outcome is %+v", o)
	}
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// An image that vanishes between Prepare and Start, and cannot be had again.
func TestImageGone(t *testing.T) {
	s, e := on20(t)
	image := engines.Variant(t, e, engines.Busybox(t, e), "ENV GONE=1")
	spec := task(t, image, "true")
	pinned, err := s.Prepare(t.Context(), spec, nil)
	if err != nil || !strings.HasPrefix(pinned.Image, "sha256:") {
		t.Fatalf("Prepare: %q, %v", pinned.Image, err)
	}
	if o := start(t, s, pinned).end(t); o.Image == nil || o.Image.Reference != image || o.Image.ID != pinned.Image {
		t.Errorf("the outcome's image is %+v", o.Image)
	}
	for _, name := range []string{"Bad Name", "sha256:" + strings.Repeat("0", 64)} {
		spec.Image = name
		_, err = s.Prepare(t.Context(), spec, nil)
		if wrong, ok := errors.AsType[*sandbox.ImageError](err); !ok || wrong.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a dead supervisor left is removed by whoever comes next; what lives, or
// is somebody else's, is left alone.
func TestClean(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	e := engines.Docker20(t)
	leases := t.TempDir()
	s := newSandbox(t, e, leases)
	image := engines.Busybox(t, e)
	living := start(t, s, task(t, image, "echo up; sleep 60"))
	living.says(t, "up")
	c := second(t, e)
	orphan := func(leaseDir string) string {
		all := ours(t, c)
		labels := map[string]string{}
		for k, v := range all[0].Labels {
			labels[k] = v
		}
		name := ulid.Make().String()
		labels["io.drydock.id"], labels["io.drydock.leases"] = name, leaseDir
		id, _, err := c.Create(t.Context(), engine.Container{Name: "drydock-" + name + ".1", Image: image, Args: []string{"sleep", "60"}, Labels: labels, Network: "none"})
		if err == nil {
			err = c.Start(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Remove(context.Background(), id) })
		return id
	}
	dead, foreign := orphan(leases), orphan("/somewhere/else")
	strays, err := docker.Clean(t.Context(), docker.Config{Engine: engine.Config{Host: e.Socket}, LeaseDir: leases})
	if err != nil || len(strays) != 1 || strays[0].Killed != 1 {
		t.Errorf("Clean: %+v, %v", strays, err)
	}
	if _, err := c.Inspect(t.Context(), dead); engine.KindOf(err) != engine.NotFound {
		t.Errorf("the dead one: %v", err)
	}
	if st, err := c.Inspect(t.Context(), foreign); err != nil || !st.Running {
		t.Errorf("the foreign one: %+v, %v", st, err)
	}
	living.Stop(sandbox.StopAbort, 0)
	if o := living.end(t); len(o.Stops) != 1 {
		t.Errorf("the living one was disturbed: %+v", o)
	}
}

// Fifty at once, half of which run out of memory.
func TestFifty(t *testing.T) {
	s, e := on20(t)
	image := engines.Busybox(t, e)
	var all sync.WaitGroup
	for i := range 50 {
		script := fmt.Sprintf("exit %d", i)
		if i%2 == 0 {
			script = "exec tail /dev/zero"
		}
		spec := task(t, image, script)
		spec.Limits.Memory = 16 * mib
		all.Go(func() {
			running, err := s.Start(context.Background(), spec, sandbox.Streams{})
			if err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
			for range running.Events() {
			}
			o, err := running.Wait()
			switch {
			case err != nil || o.Exit == nil || o.Counters == nil:
				t.Errorf("%d: %v, %+v", i, err, o)
			case i%2 == 0 && (o.Counters.OOMKill < 1 || o.Exit.Signal != "SIGKILL"), i%2 == 1 && (o.Exit.Code != i || o.Counters.OOMKill != 0):
				t.Errorf("%d: %+v, %+v", i, o.Exit, o.Counters)
			}
		})
	}
	all.Wait()
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}

// The log is what a kubelet keeps, whatever the engine's own driver is.
func TestLogKept(t *testing.T) {
	s, e := on20(t)
	spec := task(t, engines.Busybox(t, e), "echo out; echo err >&2; printf '\\377\\n'")
	start(t, s, spec).end(t)
	log, err := os.ReadFile(filepath.Join(spec.Dir, "log"))
	for _, line := range []string{" stdout F out\n", " stderr F err\n", " stdout F \xff\n"} {
		if err != nil || !strings.Contains(string(log), line) {
			t.Errorf("the log lacks %q: %v\n%s", line, err, log)
		}
	}
}
