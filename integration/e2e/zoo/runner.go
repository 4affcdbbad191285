// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"errors"
	"fmt"
	"time"

	"drydock/internal/leftover"
)

// Runner runs scenarios, one at a time: the look for leftovers is global.
type Runner struct {
	Dir     string // holds scenarios.json and files/
	Drydock string // the program
	Builder *Builder
	Env     []string // added to the environment of drydock
	// Image, if set, is a container image to run the programs in, with the
	// directory of step 1 at the same place and no network.
	Image string
	// Settle is how long something may stay after drydock's end before it
	// counts as left behind.
	Settle time.Duration
	// Slow is how many times as long as a scenario says things may take here,
	// on an emulated processor for example; 0: 1.
	Slow float64
}

// Report is what came of one scenario.
type Report struct {
	Missing  *MissingError // why it could not run here; nothing else is set then
	Problems []string      // what was not as expected: any one is a failure
	Wishes   []string      // `prefer` that did not hold; not counted
	Notes    []string      // what helps to understand a problem
}

// defaultHang is the README's: seconds after which a round counts as hung.
const defaultHang = 90

// Run runs all rounds of one scenario.
func (r *Runner) Run(s Scenario) Report {
	var report Report
	if missing := absent(s); missing != nil {
		return Report{Missing: missing}
	}
	for round := range max(1, s.Rounds) {
		one := r.round(s)
		if one.Missing != nil {
			return one
		}
		if s.Rounds > 1 {
			prefix(one.Problems, fmt.Sprintf("round %d: ", round+1))
			prefix(one.Wishes, fmt.Sprintf("round %d: ", round+1))
		}
		report.Problems = append(report.Problems, one.Problems...)
		report.Wishes = append(report.Wishes, one.Wishes...)
		report.Notes = append(report.Notes, one.Notes...)
	}
	return report
}

func prefix(texts []string, with string) {
	for i := range texts {
		texts[i] = with + texts[i]
	}
}

// round is steps 1 to 4 of the contract.
func (r *Runner) round(s Scenario) Report {
	p, err := newPlace()
	defer p.remove()
	if err == nil {
		s, err = p.fill(s)
	}
	var env []string
	if err == nil {
		env, err = r.stage(s, p)
	}
	if missing, ok := errors.AsType[*MissingError](err); ok {
		return Report{Missing: missing}
	}
	if err != nil {
		return Report{Problems: []string{err.Error()}}
	}

	before := leftover.Take()
	run, err := r.launch(s, p, append(env, r.Env...))
	if err != nil {
		return Report{Problems: []string{err.Error()}}
	}
	run.read()
	report := Report{Problems: append(run.problems, run.always()...)}
	report.Problems = append(report.Problems, run.compare(s.Expect)...)
	report.Wishes = run.compare(s.Prefer)

	items := before.Since(r.Settle)
	for _, item := range items {
		report.Problems = append(report.Problems, item.String())
	}
	leftover.Kill(items)
	if len(report.Problems)+len(report.Wishes) > 0 {
		report.Notes = run.notes()
	}
	return report
}
