// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// phase is a phase in a word, and the class that gives it a colour.
type phase struct{ Word, Class string }

var phases = map[common.ActionPhase]phase{
	common.ActionPhase_ACTION_PHASE_QUEUED:                {"queued", "wait"},
	common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES: {"waiting", "wait"},
	common.ActionPhase_ACTION_PHASE_INITIALIZING:          {"starting", "run"},
	common.ActionPhase_ACTION_PHASE_RUNNING:               {"running", "run"},
	common.ActionPhase_ACTION_PHASE_PAUSED:                {"waits for a signal", "wait"},
	common.ActionPhase_ACTION_PHASE_SUCCEEDED:             {"succeeded", "good"},
	common.ActionPhase_ACTION_PHASE_RECOVERED:             {"recovered", "good"},
	common.ActionPhase_ACTION_PHASE_FAILED:                {"failed", "bad"},
	common.ActionPhase_ACTION_PHASE_TIMED_OUT:             {"timed out", "bad"},
	common.ActionPhase_ACTION_PHASE_ABORTED:               {"aborted", "stop"},
}

// phaseOf is the phase of an action. Running out of memory has its own word:
// it is what people come to look for.
func phaseOf(a *engine.Action) phase { return newPhase(a.Phase, a.Error) }

func newPhase(p common.ActionPhase, e *core.ExecutionError) phase {
	if p == common.ActionPhase_ACTION_PHASE_FAILED && strings.Contains(strings.ToUpper(e.GetCode()), "OOM") {
		return phase{"out of memory", "bad"}
	}
	if known, ok := phases[p]; ok {
		return known
	}
	return phase{"unknown", "wait"}
}

// stamp is a moment: for the page, and in full for whoever points at it.
type stamp struct{ Text, Full string }

func (p *pages) stamp(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	t = t.In(p.Zone)
	layout := "15:04:05"
	if now := p.Now().In(p.Zone); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		layout = "2 Jan 15:04"
	}
	return stamp{t.Format(layout), t.Format(time.RFC3339Nano)}
}

// lasted rounds a duration for people.
func lasted(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
