// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const manyTasks = `
tasks:
  sweep:
    resources: {cpu: 100m, memory: "${{ matrix.memory }}"}
    matrix:
      memory: [24Mi, 96Mi]
    array: 0-24
    command: [./hog, out, "${{ matrix.memory }} ${{ array.index }}", env, DRYDOCK_ARRAY_INDEX, env, DRYDOCK_MATRIX_MEMORY, touch, "48"]
  long:
    grace: 1s
    resources: {cpu: 1, memory: 32Mi}
    array: 0-49
    command: [./hog, out, begun, sleep, "60000"]
`

// taskFile writes manyTasks beside the hog.
func (h home) taskFile(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.work(t), "tasks.yaml"), []byte(manyTasks), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each of fifty tasks runs with its own values and limits, and has a verdict
// and a record of its own.
func TestManyTasks(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	h.taskFile(t)
	results := filepath.Join(h.dir, "results.jsonl")
	r := h.run(t, "run", "-f", "tasks.yaml", "sweep", "--quiet", "--result", results)
	if r.exit != 137 {
		t.Fatalf("exit code %d: every failure is out of memory\n%s", r.exit, r.stderr)
	}
	printed := strings.Split(strings.TrimSpace(r.stdout), "\n")
	for _, memory := range []string{"24Mi", "96Mi"} {
		for i := range 25 {
			if line := fmt.Sprintf("%s %d", memory, i); !slices.Contains(printed, line) {
				t.Errorf("nobody printed %q", line)
			}
		}
	}
	verdicts, ids := map[string]int{}, map[string]bool{}
	data, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range lines {
		var doc struct{ Type, ID, Name, Verdict string }
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Type == "ended" {
			memory, _, _ := strings.Cut(doc.Name, ",")
			verdicts[memory+" "+doc.Verdict]++
			ids[doc.ID] = true
		}
	}
	if verdicts["sweep[memory=24Mi oom"] != 25 || verdicts["sweep[memory=96Mi succeeded"] != 25 || len(verdicts) != 2 || len(ids) != 50 {
		t.Errorf("%d ids, %v", len(ids), verdicts)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, `"type":"summary"`) || !strings.Contains(last, `"succeeded":25,"failed":25,`) {
		t.Errorf("the last line: %s", last)
	}
	if recorded := h.ps(t); len(recorded) != 50 {
		t.Errorf("%d tasks are recorded", len(recorded))
	}
}

// Ctrl-C stops what runs, in order, and what is queued never starts.
func TestManyInterrupted(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	h.taskFile(t)
	c := h.start(t, "run", "-f", "tasks.yaml", "long", "--max-parallel", "2")
	for deadline := time.Now().Add(hang); strings.Count(c.out.String(), "begun") < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("they do not begin\n%s", c.err)
		}
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := c.end(t)
	if r.exit != 130 || !strings.Contains(r.stderr, "0 of 50 tasks succeeded, 2 were stopped, 48 never started") {
		t.Errorf("exit code %d\n%s", r.exit, r.stderr)
	}
	if n := strings.Count(r.stdout, "begun"); n != 2 {
		t.Errorf("%d have begun", n)
	}
}

// On a terminal one row tells how far they are, below what they print, and the
// second Ctrl-C kills.
func TestManyOnTerminal(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c, person := h.onTerminal(t, "run", "--array", "0-9", "--max-parallel", "3", "--cpu", "100m", "--memory", "32Mi", "--tag", "--",
		"./hog", "ignore", "out", "begun", "sleep", "60000")
	c.waitFor(t, "0/10 [---------                     ] 3 running, 7 queued")
	for i := range 3 {
		c.waitFor(t, fmt.Sprintf("hog[%d]\tbegun", i))
	}
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	c.waitFor(t, "SIGINT: stopping the tasks in order, and no more start")
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	c.waitFor(t, "0 of 10 tasks succeeded")
	c.waitFor(t, "3 were stopped, 7 never started")
	c.end(t).want(t, 130, "")
}
