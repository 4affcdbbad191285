// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"slices"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/resources"
)

// sdkFloor is how much memory the SDK's runtime itself needs before a task's
// own code begins: measured at 49 MiB, and some room.
const sdkFloor = 64 << 20

// news passes on how far an attempt is. Run and Adopt call it from one
// goroutine at a time.
type news struct {
	tell   func(engine.Progress)
	notes  []string // all so far: whoever shows them replaces what it had
	python bool
}

// see is for executor.WithEvents.
func (w *news) see(e executor.Event) {
	var p engine.Progress
	switch {
	case e.Queued != nil && e.Queued.Waiting != "":
		p.Phase, p.Waiting = common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES, e.Queued.Waiting
		p.Notes = slices.Clone(w.notes)
	case e.Admitted != nil:
		p = w.admitted(e.Admitted)
	case e.Started != nil:
		p.Phase = common.ActionPhase_ACTION_PHASE_RUNNING
	case e.Sample != nil:
		p.Sample = e.Sample
	case e.OOM != nil:
		p.OOM = e.OOM
	default:
		return
	}
	if w.tell != nil {
		w.tell(p)
	}
}

func (w *news) admitted(a *executor.Admitted) engine.Progress {
	limit := a.Resources.Memory.LimitBytes()
	if w.python && limit < sdkFloor {
		w.note(underFloor(limit))
	}
	for _, warning := range a.Warnings {
		w.note(inPython(warning.Text))
	}
	return engine.Progress{
		Phase: common.ActionPhase_ACTION_PHASE_INITIALIZING, Limits: a.Limits,
		Notes: slices.Clone(w.notes), Memory: limit,
	}
}

func underFloor(limit int64) string {
	return fmt.Sprintf("the memory limit of %s is under what the Flyte SDK itself needs (about 50 MiB) before the task's own code begins; ask for at least 96Mi", resources.FormatSizeHuman(limit))
}

// note adds one that is new.
func (w *news) note(text string) { w.notes = withNote(w.notes, text) }

func withNote(notes []string, text string) []string {
	if slices.Contains(notes, text) {
		return notes
	}
	return append(notes[:len(notes):len(notes)], text)
}
