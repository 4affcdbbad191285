// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"drydock/internal/state"
	"drydock/sandbox"
)

// JudgeDir returns the verdict of the attempt kept in dir. Where none was
// written yet, because nobody waited for the attempt's end, it judges the
// outcome and writes it; what was written is never judged again. Without an
// outcome the error wraps sandbox.ErrNoOutcome: the attempt still runs, or
// its supervisor was killed. Two callers at a time come to the same verdict.
func JudgeDir(dir string) (Verdict, error) {
	var written verdictRecord
	err := state.ReadJSON(filepath.Join(dir, state.VerdictFile), verdictVersion, &written)
	if err == nil {
		written.restoreTimes()
		return written.Verdict, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Verdict{}, err
	}
	var demand demandRecord
	if err := state.ReadJSON(filepath.Join(dir, state.DemandFile), demandVersion, &demand); err != nil {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, err)
	}
	var outcome sandbox.Outcome
	err = state.ReadJSON(filepath.Join(dir, state.OutcomeFile), sandbox.OutcomeVersion, &outcome)
	if errors.Is(err, fs.ErrNotExist) {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, sandbox.ErrNoOutcome)
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("judge %s: %w", dir, err)
	}
	v := Judge(outcome, demand.Judge)
	return v, writeVerdict(dir, v)
}
