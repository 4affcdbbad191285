// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"drydock/internal/need"
)

// Without its supervisor program drydock says so and starts nothing.
func TestShimMissing(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	t.Run("beside the binary", func(t *testing.T) {
		nothingLeft(t)
		h := newHome(t)
		alone := filepath.Join(h.dir, "alone")
		content, err := os.ReadFile(drydock(t))
		if err == nil {
			err = os.WriteFile(alone, content, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := h.prepare(t, "run", "--memory", "64Mi", "--json", "--", "touch", "ran")
		c.Path = alone
		wantNoShim(t, h, c)
	})
	t.Run("by the variable", func(t *testing.T) {
		nothingLeft(t)
		h := newHome(t)
		c := h.prepare(t, "run", "--memory", "64Mi", "--json", "--", "touch", "ran")
		c.Env = append(c.Env, "DRYDOCK_SHIM="+filepath.Join(h.dir, "nowhere"))
		wantNoShim(t, h, c)
	})
}

func wantNoShim(t *testing.T, h home, c *command) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := c.end(t)
	r.want(t, 125, "")
	if !strings.Contains(r.words(), "drydock-shim") && !strings.Contains(r.words(), "DRYDOCK_SHIM") {
		t.Errorf("nothing names the missing program: %s", r.words())
	}
	if exists(filepath.Join(h.work(t), "ran")) {
		t.Error("the task was started")
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name, words string
		args        []string
	}{
		{"working directory", `/no/such/directory`, []string{"-w", "/no/such/directory"}},
		{"mount", `/no/such/source`, []string{"-v", "/no/such/source:/mnt"}},
		{"user", `no-such-user`, []string{"--user", "no-such-user"}},
		{"flag", `no-such-flag`, []string{"--no-such-flag"}},
		{"quantity", `12 potatoes`, []string{"--memory", "12 potatoes"}},
		{"more than the machine", `(?i)memory`, []string{"--memory", "900Ti"}},
		{"device", `(?i)gpu|device|A100`, []string{"--gpu", "A100:64"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			newHome(t).refused(t, tc.words, tc.args...)
		})
	}
}

// Many at once do not disturb each other, and leave nothing behind.
func TestConcurrent(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	h.work(t)
	var all sync.WaitGroup
	for i := range 20 {
		c := h.start(t, "run", "--cpu", "50m,1", "--memory", "32Mi", "--json", "--",
			"sh", "-c", fmt.Sprintf("echo number %d; sleep 0.2; exit %d", i, i))
		all.Go(func() {
			r := c.end(t)
			verdict := "failed"
			if i == 0 {
				verdict = "succeeded"
			}
			r.want(t, i, verdict)
			if got, want := r.output("stdout"), fmt.Sprintf("number %d\n", i); got != want {
				t.Errorf("task %d said %q, want %q", i, got, want)
			}
		})
	}
	all.Wait()
}
