// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Expect is what must come of a scenario, by key. A key that is absent is not
// compared; a list of values means any of them.
type Expect map[string]json.RawMessage

// check compares one key. It returns "" or a sentence about the difference.
type check func(r *run, key string, want json.RawMessage) string

var checks = map[string]check{
	"verdict": field, "code": field, "kind": field, "exit_code": field, "signal": field,
	"exit":          func(r *run, key string, want json.RawMessage) string { return among(key, float64(r.exit), want) },
	"oom":           oomFields,
	"hints":         someHint,
	"no_hints":      noHint,
	"message":       message,
	"stdout":        stdout,
	"stdout_re":     outputMatches,
	"stderr_re":     outputMatches,
	"stdout_bytes":  stdoutBytes,
	"stdout_lines":  stdoutLines,
	"stdout_sha256": stdoutSum,
	"cwd":           cwdFiles,
	"host_absent":   hostAbsent,
	"host_file":     hostFiles,
	"peak":          peak,
	"seconds":       func(r *run, key string, want json.RawMessage) string { return atMost(key, r.seconds/r.slow, want) },
	"rss_mb":        rss,
}

// validate refuses keys that would silently not be compared.
func (e Expect) validate() error {
	for key, value := range e {
		switch key {
		case "one_of":
			var alternatives []Expect
			if err := json.Unmarshal(value, &alternatives); err != nil {
				return err
			}
			for _, a := range alternatives {
				if err := a.validate(); err != nil {
					return err
				}
			}
		case "ended":
			if string(value) != `"optional"` {
				return fmt.Errorf("ended: want \"optional\", got %s", value)
			}
		default:
			if checks[key] == nil {
				return fmt.Errorf("no such key of expect: %q", key)
			}
		}
	}
	return nil
}

// asks says whether a key is compared, in an alternative or outside.
func (e Expect) asks(key string) bool {
	if _, ok := e[key]; ok {
		return true
	}
	return slices.ContainsFunc(e.alternatives(), func(a Expect) bool { _, ok := a[key]; return ok })
}

// alternatives lays each of one_of over the rest; without one_of there is one.
func (e Expect) alternatives() []Expect {
	rest := maps.Clone(e)
	delete(rest, "one_of")
	var over []Expect
	if raw, ok := e["one_of"]; ok && json.Unmarshal(raw, &over) == nil {
		for i, a := range over {
			merged := maps.Clone(rest)
			maps.Copy(merged, a)
			over[i] = merged
		}
		return over
	}
	return []Expect{rest}
}

// compare returns the differences from e; nil when it holds.
func (r *run) compare(e Expect) []string {
	if len(e) == 0 {
		return nil
	}
	var problems []string
	all := e.alternatives()
	for i, alternative := range all {
		found := r.compareOne(alternative)
		if len(found) == 0 {
			return nil
		}
		if len(all) > 1 {
			prefix(found, fmt.Sprintf("alternative %d: ", i+1))
		}
		problems = append(problems, found...)
	}
	return problems
}

func (r *run) compareOne(e Expect) []string {
	var problems []string
	_, optional := e["ended"]
	if r.ended == nil && !optional {
		problems = append(problems, "there is no ended document")
	}
	for _, key := range slices.Sorted(maps.Keys(e)) {
		if key == "ended" || r.ended == nil && documented[key] {
			continue // one sentence about the missing document is enough
		}
		if problem := checks[key](r, key, e[key]); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// documented are the keys that are read from the ended document.
var documented = map[string]bool{
	"verdict": true, "code": true, "kind": true, "exit_code": true, "signal": true,
	"oom": true, "hints": true, "peak": true,
}
