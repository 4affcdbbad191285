// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// ready starts a task in an image whose script says ready, and waits until it
// has said so.
func (h engineHome) ready(t *testing.T, image, script string, flags ...string) (c *command, id string) {
	t.Helper()
	args := append([]string{"run", "--memory", "64Mi", "--network", "none", "--json", "--image", image}, flags...)
	c = h.start(t, append(args, "--", "sh", "-c", script)...)
	c.waitFor(t, `"text":"ready`)
	return c, firstID(t, c.out.String())
}

func TestDockerInterrupt(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		c, id := h.ready(t, busybox, "trap 'echo bye; exit 0' TERM; echo ready; sleep 60 & wait", "--grace", "30s")
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		r := c.end(t)
		r.want(t, 130, "aborted")
		if !strings.Contains(r.output("stdout"), "bye") {
			t.Errorf("it was not asked first: %q", r.output("stdout"))
		}
		if left := h.containers(t, id); len(left) > 0 {
			t.Errorf("its container is left: %v", left)
		}
	})
}

func TestDockerTimeout(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		r := h.inside(t, busybox, []string{"--timeout", "1s", "--grace", "0s"}, "sleep", "60")
		r.want(t, 124, "timeout")
	})
}

// When drydock is killed the task runs on, and its verdict gets written.
func TestDockerDrydockKilled(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		c, id := h.ready(t, busybox, "echo ready; until [ -e /gate/gate ]; do sleep 0.1; done; echo two; exit 3", "-v", h.work(t)+":/gate:ro")
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.end(t)
		h.openGate(t)
		dir := filepath.Join(h.state(), "tasks", id, "attempts", "1")
		verdict := filepath.Join(dir, "verdict.json")
		within(t, hang/2, "no verdict.json: nobody judged the outcome", func() bool { return exists(verdict) })
		if got := stringField(t, verdict, "verdict"); got != "failed" {
			t.Errorf("verdict.json says %q", got)
		}
		if log := logOf(t, dir); !strings.Contains(log, "ready\n") || !strings.Contains(log, "two\n") {
			t.Errorf("the log is not whole: %q", log)
		}
	})
}

// When both are killed the container stays, and the next command removes it.
func TestDockerSupervisorKilled(t *testing.T) {
	for _, after := range [][]string{{"doctor", "--clean"}, {"run", "--memory", "64Mi", "--network", "none", "--json", "--image"}} {
		t.Run(after[0], func(t *testing.T) {
			onEngines(t, func(t *testing.T, h engineHome, busybox string) {
				c, id := h.ready(t, busybox, "echo ready; sleep 60")
				supervisors := children(c.Process.Pid)
				if len(supervisors) == 0 {
					t.Fatal("drydock has no supervisor")
				}
				// drydock first: it would clear away after its supervisor.
				for _, pid := range append([]int{c.Process.Pid}, supervisors...) {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				c.end(t)
				h.untilFree(t) // a kill takes a moment
				if len(h.containers(t, id)) != 1 {
					t.Fatal("the container went with its supervisor: this test shows nothing")
				}
				args := after
				if after[0] == "run" {
					args = append(append([]string{}, after...), busybox, "--", "true")
				}
				switch r := h.run(t, args...); {
				case after[0] == "run":
					r.want(t, 0, "succeeded")
				case !strings.Contains(r.stdout, "removed attempt 1 of "+id):
					t.Errorf("doctor does not say what it removed: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
				}
				within(t, hang/2, "the container is still there", func() bool { return len(h.containers(t, id)) == 0 })
			})
		})
	}
}

// Whoever removes a task's container kills it, which is no success and no
// out-of-memory.
func TestDockerContainerRemoved(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		c, id := h.ready(t, busybox, "echo ready; sleep 60")
		for _, container := range h.containers(t, id) {
			h.api(t, http.MethodDelete, "/v1.40/containers/"+container+"?force=1", nil)
		}
		r := c.end(t)
		if v := r.ended.Verdict; v != "interrupted" && v != "unknown" {
			t.Errorf("the verdict is %q: %s", v, r.words())
		}
	})
}

// Without an engine a task with an image is refused with what to do, and any
// other runs.
func TestDockerNoEngine(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	for _, tc := range []struct{ name, host, words string }{
		{"no socket", "unix://" + h.dir + "/nowhere.sock", "nowhere.sock"},
		{"nobody listens", "tcp://127.0.0.1:1", "127.0.0.1:1"},
		{"nonsense", "not a host", "DOCKER_HOST"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := h.prepare(t, "run", "--memory", "64Mi", "--json", "--image", "busybox", "--", "echo", "started")
			c.Env = append(c.Env, "DOCKER_HOST="+tc.host)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			r := c.end(t)
			r.want(t, 125, "refused")
			if !strings.Contains(r.words(), tc.words) || !regexp.MustCompile(`; .+`).MatchString(r.ended.Message) {
				t.Errorf("it names no fault %q with a remedy: %s", tc.words, r.words())
			}
		})
	}
	h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
}
