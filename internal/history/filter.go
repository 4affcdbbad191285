// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"slices"
	"strings"

	"drydock/executor"
)

// Filter picks tasks. The zero value picks all.
type Filter struct {
	Statuses []Status         // any of these …
	Classes  []executor.Class // … or ended with any of these; both empty: all
	Limit    int              // at most so many ended or lost ones, the newest; 0: all
}

// classes are the verdicts that a task can end with.
var classes = []executor.Class{
	executor.Succeeded, executor.Failed, executor.OOM, executor.Timeout, executor.Aborted, executor.Evicted,
	executor.Shm, executor.StartFailed, executor.MachineMemory, executor.Interrupted, executor.Unknown,
	executor.Refused, executor.Error,
}

// FilterWords are all words that ParseFilter takes.
func FilterWords() []string {
	var words []string
	for _, s := range Statuses {
		words = append(words, string(s))
	}
	for _, c := range classes {
		words = append(words, string(c))
	}
	return words
}

// ParseFilter reads statuses and verdicts, separated by commas: running,oom.
func ParseFilter(text string) (Filter, error) {
	var f Filter
	for _, word := range strings.Split(text, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		switch {
		case slices.Contains(Statuses, Status(word)):
			f.Statuses = append(f.Statuses, Status(word))
		case slices.Contains(classes, executor.Class(word)):
			f.Classes = append(f.Classes, executor.Class(word))
		default:
			return Filter{}, fmt.Errorf("%q is neither a status nor a verdict; accepted: %s", word, strings.Join(FilterWords(), ", "))
		}
	}
	return f, nil
}

// all reports whether the filter leaves nothing out.
func (f Filter) all() bool { return len(f.Statuses) == 0 && len(f.Classes) == 0 }

// takes reports whether it picks the task, whatever its Limit.
func (f Filter) takes(t *Task) bool {
	return f.all() || slices.Contains(f.Statuses, t.Status) || t.Class != "" && slices.Contains(f.Classes, t.Class)
}

// ended reports whether it can pick an ended task at all.
func (f Filter) ended() bool {
	return f.all() || slices.Contains(f.Statuses, Ended) || len(f.Classes) > 0
}
