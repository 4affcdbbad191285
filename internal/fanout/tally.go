// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"maps"
	"slices"

	"drydock/executor"
)

// Tally counts the tasks of a fan-out by where they are. Each task is counted
// once, so that the counts add up to Total.
type Tally struct {
	Total     int
	Queued    int // not handed in yet, waiting for room, or for the next attempt
	Running   int
	Succeeded int
	Failed    int
	Stopped   int // were running when everything was told to end
	Unstarted int // never ran, for the same reason
	// Waiting is what the last one that has to wait waits for; "": nothing does.
	Waiting string
}

// Done is how many will not run any more.
func (t Tally) Done() int { return t.Succeeded + t.Failed + t.Stopped + t.Unstarted }

// Failure is a task that failed.
type Failure struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Verdict  executor.Class `json:"verdict"`
	Code     string         `json:"code,omitempty"`
	Message  string         `json:"message"`
	ExitCode int            `json:"exit_code"` // what drydock run would have exited with
}

// MaxFailures is how many failures a Summary names; more are counted only.
const MaxFailures = 100

// Summary is the end of a fan-out.
type Summary struct {
	Tally
	Verdicts map[executor.Class]int // of tasks that have one
	Failures []Failure              // the first ones, in the order in which they ended
	Cause    error                  // why it was told to end; nil: it was not
	codes    map[int]bool           // exit codes of the failures
}

// ExitMixed is the exit code for failures with different codes.
const ExitMixed = 1

// ExitCode is 0 when all succeeded; else, after a signal, the signal's; else
// the failures' own where they agree, so that 137 still means out of memory,
// and ExitMixed where they do not.
func (s *Summary) ExitCode() int {
	_, capped := s.Cause.(*TooManyFailedError)
	codes := slices.Collect(maps.Keys(s.codes))
	switch {
	case s.Cause != nil && !capped:
		return executor.ExitCode(&executor.Result{Verdict: executor.Verdict{Class: executor.Aborted}, Cause: s.Cause})
	case len(codes) == 0:
		return 0
	case len(codes) == 1:
		return codes[0]
	}
	return ExitMixed
}

// count adds the end of a task, which ran at last or not.
func (s *Summary) count(ctx context.Context, r *executor.Result) {
	s.Verdicts[r.Verdict.Class]++
	switch class := r.Verdict.Class; {
	case class == executor.Succeeded:
		s.Succeeded++
	case class == executor.Aborted && ctx.Err() != nil && len(r.Attempts) == 0:
		s.Unstarted++
	case class == executor.Aborted && ctx.Err() != nil:
		s.Stopped++
	default:
		s.fail(r)
	}
}

func (s *Summary) fail(r *executor.Result) {
	s.Failed++
	code := executor.ExitCode(r)
	s.codes[code] = true
	if len(s.Failures) < MaxFailures {
		v := r.Verdict
		s.Failures = append(s.Failures, Failure{r.ID, r.Task.Name, v.Class, v.Code, v.Message, code})
	}
}
