// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// manyInImages is a fan-out in containers: one of the two limits is too low
// for what a task copies into its memory-backed file.
const manyInImages = `
tasks:
  sweep:
    resources: {cpu: 100m, memory: "${{ matrix.memory }}", shm: auto}
    image: IMAGE
    matrix:
      memory: [24Mi, 96Mi]
    array: 0-2
    command: [sh, -c, "echo ${{ matrix.memory }} $DRYDOCK_ARRAY_INDEX; exec dd if=/dev/zero of=/dev/shm/x bs=1M count=48"]
`

// Each task of a fan-out runs in a container of its own with its own values
// and limits, has a verdict and a record of its own, and leaves nothing.
func TestDockerManyTasks(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		file := strings.ReplaceAll(manyInImages, "IMAGE", busybox)
		if err := os.WriteFile(filepath.Join(h.work(t), "tasks.yaml"), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		results := filepath.Join(h.dir, "results.jsonl")
		r := h.run(t, "run", "-f", "tasks.yaml", "sweep", "--network", "none", "--max-parallel", "3", "--quiet", "--result", results)
		if r.exit == 0 {
			t.Errorf("exit code 0\n%s", r.stderr)
		}
		printed := strings.Split(strings.TrimSpace(r.stdout), "\n")
		for _, memory := range []string{"24Mi", "96Mi"} {
			for i := range 3 {
				if line := fmt.Sprintf("%s %d", memory, i); !slices.Contains(printed, line) {
					t.Errorf("nobody printed %q", line)
				}
			}
		}
		data, err := os.ReadFile(results)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := map[string]int{}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		for _, line := range lines {
			var doc struct{ Type, Name, Verdict, Sandbox string }
			if err := json.Unmarshal([]byte(line), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Type == "ended" {
				memory, _, _ := strings.Cut(doc.Name, ",")
				verdicts[memory+" "+doc.Verdict+" in "+doc.Sandbox]++
			}
		}
		// Its own file fills what it may have: with shm auto that is the limit.
		if verdicts["sweep[memory=96Mi succeeded in docker"] != 3 || verdicts["sweep[memory=24Mi shm in docker"]+verdicts["sweep[memory=24Mi oom in docker"] != 3 {
			t.Errorf("%v", verdicts)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, `"type":"summary"`) || !strings.Contains(last, `"succeeded":3,"failed":3,`) {
			t.Errorf("the last line: %s", last)
		}
		if recorded := h.ps(t); len(recorded) != 6 {
			t.Errorf("%d tasks are recorded", len(recorded))
		}

		r = h.run(t, "run", "--array", "0-3", "--image", busybox, "--network", "none", "--memory", "32Mi", "--", "sh", "-c", "exit $DRYDOCK_ARRAY_INDEX")
		if r.exit == 0 || !strings.Contains(r.stderr, "1 of 4 tasks succeeded") {
			t.Errorf("exit code %d\n%s", r.exit, r.stderr)
		}
	})
}
