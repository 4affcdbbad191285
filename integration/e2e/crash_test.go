// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// When drydock itself is killed in mid-task, the task runs on under its
// supervisor: the facts and then the verdict are written, and the log is whole.
func TestDrydockKilled(t *testing.T) {
	for _, tc := range []struct {
		name, last, verdict string
	}{
		{"success", "echo two", "succeeded"},
		{"failure", "echo two; exit 3", "failed"},
		{"out of memory", "echo two; exec tail /dev/zero", "oom"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			h := newHome(t)
			c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "echo one; "+untilGate+tc.last)
			c.waitFor(t, `one`)
			id := firstID(t, c.out.String())
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			c.end(t)
			h.openGate(t)

			dir := filepath.Join(h.state(), "tasks", id, "attempts", "1")
			outcome, verdict := filepath.Join(dir, "outcome.json"), filepath.Join(dir, "verdict.json")
			within(t, hang/2, "no outcome.json: the supervisor did not finish", func() bool { return exists(outcome) })
			within(t, hang/2, "no verdict.json: nobody judged the outcome", func() bool { return exists(verdict) })
			if got := stringField(t, verdict, "verdict"); got != tc.verdict {
				t.Errorf("verdict.json says %q, want %q", got, tc.verdict)
			}
			if log := logOf(t, dir); !strings.Contains(log, "one\n") || !strings.Contains(log, "two\n") {
				t.Errorf("the log is not whole: %q", log)
			}
		})
	}
}

// When the supervisor is killed, its facts are lost, and drydock says so: the
// verdict is unknown, never success. Nothing of the task stays for good.
func TestShimKilled(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after []string // what clears away the rest
	}{
		{"next run", []string{"run", "--memory", "64Mi", "--json", "--", "true"}},
		{"doctor --clean", []string{"doctor", "--clean"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			h := newHome(t)
			c := h.start(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "echo ready; sleep 40 & sleep 40")
			c.waitFor(t, "ready")
			shim := shimOf(t, c.Process.Pid)
			if err := syscall.Kill(shim, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			r := c.end(t)
			r.want(t, 125, "unknown")
			if r := h.run(t, tc.after...); r.exit != 0 && tc.after[0] == "run" {
				t.Errorf("the next run failed: exit %d\n%s", r.exit, r.stderr)
			}
		})
	}
}

func firstID(t *testing.T, lines string) string {
	t.Helper()
	first, _, _ := strings.Cut(lines, "\n")
	var line struct{ ID string }
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.ID == "" {
		t.Fatalf("the first line has no id: %s", first)
	}
	return line.ID
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func stringField(t *testing.T, path, name string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, _ := document[name].(string)
	return text
}

// logOf is all that the log files of an attempt hold.
func logOf(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*log*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no log in %s (%v)", dir, err)
	}
	var all strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	// A log of records holds its newlines escaped.
	return strings.ReplaceAll(all.String(), `\n`, "\n")
}

// What dead supervisors left of the machine goes with anybody's next look,
// whichever state directory their tasks are recorded in.
func TestLeftByAnotherStateDirectory(t *testing.T) {
	nothingLeft(t)
	h, other := newHome(t), newHome(t)
	h.run(t, "run", "--memory", "64Mi", "--", "true").want(t, 0, "")
	c := other.prepare(t, "run", "--memory", "64Mi", "--", "sh", "-c", ticking)
	c.Env = append(c.Env, "DRYDOCK_LEASE_DIR="+h.leases())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	c.waitFor(t, "tick 1")
	shim := shimOf(t, c.Process.Pid)
	if err := c.Process.Kill(); err != nil { // it would clean up
		t.Fatal(err)
	}
	c.end(t)
	if err := syscall.Kill(shim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.untilFree(t)
	if len(h.leaseFiles(t)) == 0 {
		t.Fatal("there is no lease: this test shows nothing")
	}
	if all := h.ps(t); len(all) != 1 || all[0].Name != "true" {
		t.Errorf("ps lists %+v", all)
	}
	h.noLeases(t)
}
