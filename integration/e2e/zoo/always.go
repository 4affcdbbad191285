// SPDX-License-Identifier: Apache-2.0

package zoo

import "fmt"

// always checks what must hold whatever a scenario expects: exactly one ended
// document, the last line of all, complete, and true about the exit status.
// What a line itself must have was checked by read.
func (r *run) always() []string {
	var problems []string
	if !r.plain && len(r.lines) > 0 && r.lines[len(r.lines)-1]["type"] != "ended" && r.count > 0 {
		problems = append(problems, "the ended line is not the last line of stdout")
	}
	if r.count > 1 {
		problems = append(problems, fmt.Sprintf("%d ended lines, want exactly one", r.count))
	}
	if r.ended == nil {
		return problems // whether one is required is up to `ended` in expect
	}
	for _, key := range []string{"version", "time", "verdict"} {
		if _, ok := r.ended[key]; !ok {
			problems = append(problems, fmt.Sprintf("the ended document has no %s", key))
		}
	}
	if attempts, _ := r.ended["attempts"].([]any); len(attempts) == 0 && r.started() {
		problems = append(problems, "something was started, but the ended document has no attempts")
	}
	if code, ok := r.ended["exit_code"].(float64); ok && int(code) != r.exit {
		problems = append(problems, fmt.Sprintf("exit_code is %v, but drydock ended with %d", code, r.exit))
	}
	return problems
}

func (r *run) started() bool {
	for _, line := range r.lines {
		if line["type"] == "started" {
			return true
		}
	}
	// Without lines the verdict tells: these come only from a program that ran.
	switch r.ended["verdict"] {
	case "succeeded", "failed", "oom", "timeout", "evicted", "shm", "machine-memory", "interrupted":
		return true
	}
	return false
}
