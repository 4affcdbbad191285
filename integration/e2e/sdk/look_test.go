// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// early waits for a fact that a program tells before its end.
func (p *process) early(t testing.TB, name string) string {
	t.Helper()
	var found string
	within(t, patience/2, fmt.Sprintf("%s did not tell its %s", p.name, name), func() bool {
		for line := range strings.Lines(p.out.String()) {
			var told map[string]any
			if text, ok := strings.CutPrefix(line, "@proof "); ok && json.Unmarshal([]byte(text), &told) == nil {
				if text, ok := told[name].(string); ok {
					found = text
				}
			}
		}
		select {
		case <-p.done:
			if found == "" {
				t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.out)
			}
		default:
		}
		return found != ""
	})
	return found
}

// style is what the command line puts into its output also where no terminal is.
var style = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// actions are a run's actions as flyte get action prints them for programs.
func (s *server) actions(t testing.TB, run string) []map[string]any {
	t.Helper()
	p := spawn(t, patience, s.client("COLUMNS=1000000"), programs(t), // it breaks lines even in JSON
		filepath.Join(s.venv, "bin", "flyte"), "--output-format", "json-raw", "get", "action", run)
	out := style.ReplaceAllString(p.succeed(t), "")
	var all []map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return all
}

// child is the name of a run's only child.
func (s *server) child(t testing.TB, run string) string {
	t.Helper()
	var names []string
	for _, a := range s.actions(t, run) {
		id, _ := a["id"].(map[string]any)
		if name := fmt.Sprint(id["name"]); name != "a0" {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		t.Fatalf("the children of %s are %q", run, names)
	}
	return names[0]
}

// peak is the largest resident size of the server since the last resetPeak.
func (s *server) peak(t testing.TB) int64 {
	t.Helper()
	return s.status(t, "VmHWM:")
}

func (s *server) resetPeak(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.process.Process.Pid), []byte("5"), 0o200); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
}

// status reads a size from the server's /proc/PID/status, in bytes.
func (s *server) status(t testing.TB, field string) int64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	t.Fatalf("no %s", field)
	return 0
}
