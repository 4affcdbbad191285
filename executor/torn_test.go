// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// A power cut leaves what was written shortly before empty, or in part. Then
// the rest tells the end, it is unknown when nothing does, and it is recorded:
// no task stays without one.
func TestAdoptTorn(t *testing.T) {
	const attempt = "attempts/1/"
	unjudged := []string{"ended.json", attempt + "verdict.json"}
	for _, tc := range []struct {
		name  string
		torn  []string
		class Class
	}{
		{"the end", []string{"ended.json"}, Failed},
		{"the verdict, too", unjudged, Failed},
		{"the task", append([]string{"task.json"}, unjudged...), Failed},
		{"the demand", append([]string{attempt + "demand.json"}, unjudged...), Failed},
		{"the outcome", append([]string{attempt + "outcome.json"}, unjudged...), Unknown},
		{"all", append([]string{"task.json", attempt + "demand.json", attempt + "spec.json", attempt + "outcome.json"}, unjudged...), Unknown},
	} {
		for text, content := range map[string]string{"empty": "", "zeroes": "\x00\x00\x00", "a part": `{"version": 1, "na`} {
			t.Run(tc.name+"/"+text, func(t *testing.T) {
				x := newExecutor(t, nil)
				task := hog("exit", "3")
				task.Resources.Memory = resources.Of("64Mi")
				ran, err := x.Run(t.Context(), task)
				if err == nil {
					t.Fatal("it succeeded")
				}
				dir := filepath.Join(x.StateDir(), "tasks", ran.ID)
				for _, name := range append([]string{attempt + "log"}, tc.torn...) {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 { // the second reads what the first has written
					next := newExecutor(t, func(c *Config) { c.Sandbox, c.StateDir = &sandboxtest.Fake{}, x.StateDir() }) // after the reboot
					r, err := next.Adopt(t.Context(), ran.ID)
					if r.Verdict.Class != tc.class || (tc.class == Unknown) != errors.Is(err, sandbox.ErrNoOutcome) {
						t.Fatalf("%s: %s, %v", r.Verdict.Class, r.Verdict.Message, err)
					}
				}
				recorded, err := ReadRecorded(x.StateDir(), ran.ID)
				if err != nil || recorded.Result == nil || recorded.Result.Verdict.Class != tc.class {
					t.Errorf("recorded is %+v, %v", recorded, err)
				}
			})
		}
	}
}
