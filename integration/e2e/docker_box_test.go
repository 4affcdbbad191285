// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/integration/engines"
	"drydock/internal/need"
)

// box is a container that holds drydock, by this repository's Dockerfile on a
// Debian with python3.
type box struct {
	engine    *engines.Engine
	container engines.Container
}

func newBox(t *testing.T, e *engines.Engine) box {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, filepath.Join(root, "Dockerfile"), filepath.Join(dir, "Dockerfile"))
	for _, name := range []string{"drydock", "drydock-shim"} {
		copyFile(t, filepath.Join(programs(t), name), filepath.Join(dir, "bin", name))
	}
	return box{e, engines.Container{Image: engines.Build(t, e, dir, map[string]string{"BASE": engines.Python(t, e)})}}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run runs `drydock ARGS` in a container of its own.
func (b box) run(t *testing.T, args ...string) result {
	t.Helper()
	c := b.container
	c.Args = args
	stdout, stderr, code := b.engine.Run(t, c)
	return resultOf(t, code, stdout, stderr)
}

// check is one line of doctor's.
type check struct{ Name, State, Why, Fix, Sandbox string }

// doctor runs it and returns its checks by "sandbox/name".
func (b box) doctor(t *testing.T) map[string]check {
	t.Helper()
	r := b.run(t, "doctor", "--json")
	var doc struct{ Checks []check }
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || r.exit != 0 {
		t.Fatalf("doctor: exit %d, %v\n%s%s", r.exit, err, r.stdout, r.stderr)
	}
	checks := map[string]check{}
	for _, c := range doc.Checks {
		checks[c.Sandbox+"/"+c.Name] = c
	}
	return checks
}

// hungry is a program that needs more than 64 MiB.
var hungry = []string{"--", "python3", "-c", "x = b'x' * (256 << 20)"}

// With privileges and the host's cgroups drydock does in a container what it
// does on the machine.
func TestDockerPrivilegedBox(t *testing.T) {
	need.Cgroups(t)
	for _, kind := range engines.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			if kind == engines.V20 && !allCapabilities(t) {
				need.Gap(t, "this machine's root lacks capabilities, and Docker 20.10 starts nothing privileged without all of them")
			}
			b := newBox(t, engines.Shared(t, kind))
			nothingLeftBeside(t)
			b.container.Privileged, b.container.CgroupNS = true, "host"
			checks := b.doctor(t)
			for _, name := range []string{"/sandbox", "/memory", "/swap", "/cpu", "/pids"} {
				if checks[name].State != "enforced" {
					t.Errorf("doctor: %s: %+v", name, checks[name])
				}
			}
			r := b.run(t, append([]string{"run", "--sandbox", "native", "--memory", "64Mi", "--json"}, hungry...)...)
			r.want(t, 137, "oom")
			if words := r.words(); r.ended.Code != "OOMKilled" || !strings.Contains(words, "64 MiB") || !strings.Contains(words, "python3 (pid 1)") {
				t.Errorf("code %q, or its words lack the limit or the victim: %s", r.ended.Code, words)
			}
			b.run(t, "run", "--sandbox", "native", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
			if need.CgroupVersion() == 2 {
				return // tasks lie beside the container
			}
			b.container.Memory = 128 << 20 // above the task's limit of 512Mi: not its own shortage
			r = b.run(t, append([]string{"run", "--sandbox", "native", "--memory", "512Mi", "--json"}, hungry...)...)
			r.want(t, 137, "machine-memory")
		})
	}
}

// allCapabilities says whether root can be all that the kernel knows
// (capabilities(7)).
func allCapabilities(t *testing.T) bool {
	t.Helper()
	for c := uintptr(0); ; c++ {
		switch has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); {
		case err == unix.EINVAL: // there are no more
			return true
		case err != nil:
			t.Fatal(err)
		case has == 0:
			return false
		}
	}
}

// With nothing but the engine's socket tasks with an image run, and drydock
// says what it cannot do and see.
func TestDockerSocketBox(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		b := newBox(t, h.engine)
		socket := strings.TrimPrefix(h.engine.Socket, "unix://") + ":/var/run/docker.sock"
		b.container.Binds = []string{socket}
		task := []string{"run", "--sandbox", "docker", "--memory", "64Mi", "--network", "none", "--json", "--image"}
		outside := regexp.MustCompile("container, and the engine outside")

		t.Run("doctor", func(t *testing.T) {
			checks := b.doctor(t)
			for name, want := range map[string]check{
				"/sandbox":            {State: "not enforced", Fix: "--privileged"},
				"docker/engine":       {State: "enforced"},
				"docker/memory":       {State: "enforced"},
				"docker/oom-evidence": {State: "emulated", Fix: "outside of any container"},
				"docker/mounts":       {State: "not enforced", Fix: "same path"},
			} {
				got := checks[name]
				if got.State != want.State || !strings.Contains(got.Fix, want.Fix) {
					t.Errorf("%s: %+v, want %q with a fix that says %q", name, got, want.State, want.Fix)
				}
			}
			if why := checks["docker/oom-evidence"].Why; !outside.MatchString(why) {
				t.Errorf("it does not say why the kernel's counters are out of sight: %q", why)
			}
		})
		t.Run("out of memory", func(t *testing.T) {
			r := b.run(t, append(append(task, engines.Python(t, h.engine)), hungry...)...)
			word := func() any { // whose the verdict is; nil: nobody's
				for _, oom := range r.of("oom") {
					return oom["evidence"]
				}
				return nil
			}
			for tries := 1; tries < 5 && h.engine.Kind != engines.Pod && word() != "engine"; tries++ { // on cgroup v1 an engine misses one now and then
				r = b.run(t, append(append(task, engines.Python(t, h.engine)), hungry...)...)
			}
			want := any("engine")
			if h.engine.Kind == engines.Pod { // it tells of no OOM by any way of its API; a sample may have been taken at the limit
				want = "sample"
			}
			switch {
			case h.engine.Kind == engines.Pod && word() == nil:
				r.want(t, 137, "interrupted")
				if !strings.Contains(r.words(), "tells of no out-of-memory kill") {
					t.Errorf("it does not say what it cannot know: %s", r.words())
				}
			default:
				r.want(t, 137, "oom")
				if word() != want {
					t.Errorf("the verdict is by the word of %v, want %v's", word(), want)
				}
			}
			if admitted, _ := json.Marshal(r.of("admitted")); !outside.Match(admitted) {
				t.Errorf("it does not say what it cannot see: %s", admitted)
			}
		})
		t.Run("a path of the container's", func(t *testing.T) {
			if h.engine.Kind == engines.Pod {
				need.Gap(t, "Podman makes a directory where there is nothing to bind")
			}
			// Its state directory is made when it begins, and nowhere else.
			const inside = "/only-in-the-box"
			b := b
			b.container.Env = []string{"DRYDOCK_STATE_DIR=" + inside}
			r := b.run(t, append(task, busybox, "-v", inside+":/mnt", "--", "true")...)
			r.want(t, 125, "start-failed")
			if !strings.Contains(r.words(), "the same path") {
				t.Errorf("it does not say what to do: %s", r.words())
			}
		})
		t.Run("a path of both", func(t *testing.T) {
			shared := h.work(t)
			b := b
			b.container.Binds = []string{socket, shared + ":" + shared}
			b.container.Env = []string{"DRYDOCK_STATE_DIR=" + filepath.Join(shared, "state")}
			r := b.run(t, append(task, busybox, "-v", shared+":/mnt:ro", "--", "ls", "/mnt/hog")...)
			r.want(t, 0, "succeeded")
			if got := r.output("stdout"); got != "/mnt/hog\n" {
				t.Errorf("it printed %q", got)
			}
		})
	})
}

// A drydock in a container leaves the tasks of the machine's alone, which it
// sees in the engine, though their leases are in another directory of the same
// name.
func TestDockerNeighbours(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		b := newBox(t, h.engine)
		b.container.Binds = []string{strings.TrimPrefix(h.engine.Socket, "unix://") + ":/var/run/docker.sock"}
		b.container.Env = []string{"DRYDOCK_LEASE_DIR=" + h.leases()}
		c, id := h.ready(t, busybox, "echo ready; sleep 300", "--grace", "1s")
		b.run(t, "run", "--memory", "64Mi", "--network", "none", "--json", "--image", busybox, "--", "true").want(t, 0, "succeeded")
		if r := b.run(t, "doctor", "--clean"); !strings.Contains(r.stdout, "nothing to remove") {
			t.Errorf("doctor --clean: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
		}
		if len(h.containers(t, id)) != 1 {
			t.Error("the neighbour's container is gone")
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		c.end(t).want(t, 130, "aborted")
	})
}
