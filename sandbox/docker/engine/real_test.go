// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/integration/engines"
)

// onEach runs a test on every engine that is here.
func onEach(t *testing.T, test func(t *testing.T, e *Engine, lab *engines.Engine)) {
	for _, kind := range engines.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			lab := engines.Shared(t, kind)
			test(t, openLab(t, lab), lab)
		})
	}
}

func openLab(t *testing.T, lab *engines.Engine) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Config{Host: lab.Socket, ConfigDir: t.TempDir(), LockDir: filepath.Join(t.TempDir(), "locks")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// shell is a container of busybox that runs a script.
func shell(t *testing.T, lab *engines.Engine, script string) Container {
	return Container{
		Image: engines.Busybox(t, lab), Args: []string{"/bin/sh", "-c", script},
		Network: "none", Labels: map[string]string{"drydock.test": t.Name()},
	}
}

// made creates a container and removes it at the end.
func made(t *testing.T, e *Engine, c Container) string {
	t.Helper()
	id, _, err := e.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

// ran runs a container to its end.
func ran(t *testing.T, e *Engine, c Container, stdin string) (stdout, stderr string, exit Exit, id string) {
	t.Helper()
	c.Stdin = true
	id = made(t, e, c)
	stream, err := e.Attach(t.Context(), id, AttachOptions{TTY: c.TTY, Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if stdin != "" {
		if _, err := io.WriteString(stream, stdin); err != nil {
			t.Error(err)
		}
	}
	if err := stream.CloseWrite(); err != nil && stdin != "" { // else it may have ended by now
		t.Error(err)
	}
	var out, errs bytes.Buffer
	if err := stream.Demux(&out, &errs); err != nil {
		t.Error(err)
	}
	exit, err = e.Wait(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), exit, id
}

func TestInfo(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		info := e.Info()
		t.Logf("%+v", info)
		if info.Version != lab.Version {
			t.Errorf("version %q, want %q", info.Version, lab.Version)
		}
		if info.Podman() != (lab.Kind == engines.Pod) {
			t.Errorf("it is taken for %s", info.Product)
		}
		if !info.Local {
			t.Errorf("it is not taken for a local engine: %s", info.Remote)
		}
		if info.OS != "linux" || info.Arch == "" || info.CPUs == 0 || info.CgroupVersion == 0 || info.CgroupDriver == "" || info.Runtime == "" {
			t.Errorf("incomplete: %+v", info)
		}
		if info.Rootless || info.UsernsRemap {
			t.Errorf("an engine of root's is taken for a rootless one: %+v", info)
		}
	})
}

func TestLife(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		stdout, stderr, exit, id := ran(t, e, shell(t, lab, "cat; echo problem >&2; exit 7"), "hello\n")
		if stdout != "hello\n" || stderr != "problem\n" || exit.Code != 7 {
			t.Errorf("%q, %q, %+v", stdout, stderr, exit)
		}
		state, err := e.Inspect(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if state.Running || state.ExitCode != 7 || state.OOMKilled || state.StartedAt.IsZero() || state.Status != "exited" {
			t.Errorf("%+v", state)
		}
		image, err := e.Image(t.Context(), engines.Busybox(t, lab), "")
		if err != nil || "sha256:"+strings.TrimPrefix(state.Image, "sha256:") != image.ID {
			t.Errorf("image %q, want %q (%v)", state.Image, image.ID, err)
		}
	})
}

func TestTerminal(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		c := shell(t, lab, "read line; stty size; echo bad >&2")
		c.TTY, c.Stdin = true, true
		id := made(t, e, c)
		stream, err := e.Attach(t.Context(), id, AttachOptions{TTY: true, Stdin: true})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := e.Resize(t.Context(), id, 33, 77); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stream, "go\n"); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := stream.Demux(&out, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "33 77") || !strings.Contains(out.String(), "bad") {
			t.Errorf("the terminal showed %q", out.String())
		}
	})
}

func TestKillAndEvents(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		id := made(t, e, shell(t, lab, "trap 'exit 3' TERM; while :; do sleep 0.1; done"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watch, err := e.Events(ctx, id, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Kill(t.Context(), id, "SIGTERM"); KindOf(err) != NotRunning {
			t.Errorf("signal to a container that was not started: %v (%s)", err, KindOf(err))
		}
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		stats, err := firstStats(t, e, id)
		if err != nil || stats.Memory == 0 || stats.Pids == 0 {
			t.Errorf("stats %+v, %v", stats, err)
		}
		for { // until the trap is set
			if err := e.Kill(t.Context(), id, "SIGTERM"); err != nil {
				break
			}
			if state, err := e.Inspect(t.Context(), id); err != nil || !state.Running {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		exit, err := e.Wait(t.Context(), id)
		if err != nil || exit.Code != 3 && exit.Code != 143 {
			t.Errorf("exit %+v, %v", exit, err)
		}
		if err := e.Kill(t.Context(), id, "SIGTERM"); KindOf(err) != NotRunning {
			t.Errorf("signal to an ended container: %v (%s)", err, KindOf(err))
		}
		if err := e.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for event := range watch.C {
			seen = append(seen, event.Action)
			if event.Action == "die" && event.ExitCode != exit.Code {
				t.Errorf("die says exit code %d", event.ExitCode)
			}
			if event.Action == "destroy" {
				cancel()
			}
		}
		if watch.Err() != nil || !slices.Contains(seen, "die") || !slices.Contains(seen, "destroy") {
			t.Errorf("events %q, %v", seen, watch.Err())
		}
	})
}

func TestContainerOptions(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("shared\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c := shell(t, lab, `pwd; id -u; echo "$WORD"; cat /data/file; touch /data/x 2>&1 | grep -c Read-only; touch /x 2>&1 | grep -c Read-only
			df -k /dev/shm | tail -1 | awk '{print $2}'; ulimit -n; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status | awk '{print $2}'
			grep 10.1.2.3 /etc/hosts | awk '{print $2}'; df -k /scratch | tail -1 | awk '{print $2}'; grep CapBnd /proc/self/status | awk '{print $2}'`)
		c.WorkDir, c.User, c.Env, c.ReadOnly, c.NoNewPrivileges = "/etc", "1234", []string{"WORD=said"}, true, true
		c.Binds = []Bind{{Source: dir, Target: "/data", ReadOnly: true}}
		c.Tmpfs = []Tmpfs{{Target: "/scratch", Size: 2 << 20}}
		c.ShmSize, c.OOMScoreAdj, c.Ulimits = 3<<20, 500, []Ulimit{{Name: "nofile", Soft: 100, Hard: 200}}
		c.Memory, c.MemorySwap, c.CPUPeriod, c.CPUQuota, c.CPUShares, c.Pids = 64<<20, 64<<20, 100_000, 50_000, 512, 50
		c.ExtraHosts, c.CapDrop, c.CapAdd = []string{"friend:10.1.2.3"}, []string{"ALL"}, []string{"KILL"}
		stdout, stderr, exit, id := ran(t, e, c, "")
		want := "/etc\n1234\nsaid\nshared\n1\n1\n3072\n100\n500\n1\nfriend\n2048\n0000000000000020\n"
		if stdout != want || exit.Code != 0 {
			t.Errorf("%q, want %q (%s, %+v)", stdout, want, stderr, exit)
		}
		found, err := e.List(t.Context(), map[string]string{"drydock.test": t.Name()})
		if err != nil || len(found) != 1 || found[0].ID != id || found[0].State != "exited" {
			t.Errorf("list: %+v, %v", found, err)
		}
		if found, err := e.List(t.Context(), map[string]string{"drydock.test": "another"}); err != nil || len(found) != 0 {
			t.Errorf("list of another: %+v, %v", found, err)
		}
	})
}

// oomTries is how often an engine may miss a kill: on cgroup v1 the last one
// of a container races its end, and drydock has other witnesses.
const oomTries = 5

func TestOOM(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		told := lab.Kind == engines.Pod // which has neither flag nor event of it
		for try := 1; try <= oomTries && (try == 1 || !told); try++ {
			flag, event := runOutOfMemory(t, e, lab)
			t.Logf("OOMKilled %v, event %v", flag, event)
			told = told || flag && event
		}
		if !told {
			t.Errorf("of %d kills none was told of by flag and event", oomTries)
		}
	})
}

// runOutOfMemory reports whether the engine has told of the kill.
func runOutOfMemory(t *testing.T, e *Engine, lab *engines.Engine) (flag, event bool) {
	t.Helper()
	signs := t.TempDir()
	c := shell(t, lab, "until test -e /signs/go; do sleep 0.1; done; a=x; while :; do a=$a$a; done")
	c.Binds = []Bind{{Source: signs, Target: "/signs", ReadOnly: true}}
	c.Memory, c.MemorySwap = 32<<20, 32<<20
	id := made(t, e, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch, err := e.Events(ctx, id, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	stats, err := firstStats(t, e, id)
	if err != nil || stats.Memory == 0 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	if podman := lab.Kind == engines.Pod; !podman && stats.Anon+stats.Kernel+stats.File == 0 { // Podman splits nothing
		t.Errorf("stats %+v, %v", stats, err)
	}
	write(t, filepath.Join(signs, "go"), "", 0o644)
	exit, err := e.Wait(t.Context(), id)
	if err != nil || exit.Code != 137 {
		t.Errorf("exit %+v, %v", exit, err)
	}
	state, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Errorf("state %+v, %v", state, err)
	}
	var seen []string
	for event := range watch.C {
		if seen = append(seen, event.Action); event.Action == "die" {
			cancel()
		}
	}
	return state.OOMKilled, slices.Contains(seen, "oom")
}

// firstStats is the first look at a container that runs.
func firstStats(t *testing.T, e *Engine, id string) (first Stats, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = e.StatsStream(ctx, id, func(s Stats) {
		if first.Time.IsZero() {
			first = s
		}
		cancel()
	})
	return first, err
}

func TestRemoveAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		id := made(t, e, shell(t, lab, "sleep 100"))
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 5 {
			wait.Go(func() {
				if err := e.Remove(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if _, err := e.Inspect(t.Context(), id); KindOf(err) != NotFound {
			t.Errorf("it is still there: %v", err)
		}
	})
}
