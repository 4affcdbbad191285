// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"slices"
	"time"

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
	pulled time.Time // when the last progress of a pull was told
}

// begin says what the attempt runs in, before it waits for anything.
func (w *news) begin(image string) {
	p := engine.Progress{Sandbox: sandboxNative, Notes: slices.Clone(w.notes)}
	if image != "" {
		p.Sandbox, p.Image = sandboxDocker, image
	}
	w.say(p)
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
	case e.Pull != nil:
		if p = w.pull(e.Time, e.Pull); p.Phase == 0 {
			return
		}
	case e.Started != nil:
		p.Phase = common.ActionPhase_ACTION_PHASE_RUNNING
	case e.Sample != nil:
		p.Sample = e.Sample
	case e.OOM != nil:
		p.OOM = e.OOM
	default:
		return
	}
	w.say(p)
}

func (w *news) say(p engine.Progress) {
	if w.tell != nil {
		w.tell(p)
	}
}

// pullEvery is the least time between two words about a pull.
const pullEvery = 3 * time.Second

// pull is what a pull says now and then: everybody who watches is told.
func (w *news) pull(now time.Time, p *executor.Pull) engine.Progress {
	if !p.Finished && now.Sub(w.pulled) < pullEvery {
		return engine.Progress{}
	}
	w.pulled = now
	out := engine.Progress{Phase: common.ActionPhase_ACTION_PHASE_INITIALIZING}
	switch {
	case p.Finished:
	case p.Total > 0:
		out.Waiting = fmt.Sprintf("pulls the image %s: %s of %s", p.Image, resources.FormatSizeHuman(p.Done), resources.FormatSizeHuman(p.Total))
	default:
		out.Waiting = "pulls the image " + p.Image
	}
	return out
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
