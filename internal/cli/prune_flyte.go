// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/integration/flyte"
	"drydock/internal/report"
)

// prunedFlyte is what prune --json prints about the store of Flyte runs.
type prunedFlyte struct {
	Runs    []prunedRun `json:"runs"`
	Objects int         `json:"objects"`
	Bytes   int64       `json:"bytes"`
	Kept    string      `json:"kept,omitempty"` // why nothing was looked at
}

type prunedRun struct {
	Project string    `json:"project"`
	Domain  string    `json:"domain"`
	Name    string    `json:"name"`
	Ended   time.Time `json:"ended_at,omitzero"`
	Bytes   int64     `json:"bytes"`
}

// pruneFlyte applies the same retention to Flyte runs.
func (d *desk) pruneFlyte(ctx context.Context, r retention, doc *pruned) {
	home := flyte.Home{StateDir: d.stateDir}
	done, err := home.Prune(ctx, flyte.Prune{OlderThan: r.olderThan, Keep: r.keep, DryRun: doc.DryRun, Now: d.w.Now()})
	out := &doc.Flyte
	out.Runs, out.Objects, out.Bytes = []prunedRun{}, done.Objects, done.Bytes
	for _, run := range done.Runs {
		out.Runs = append(out.Runs, prunedRun{run.ID.Project, run.ID.Domain, run.ID.Name, run.Ended, run.Bytes})
	}
	var inUse *flyte.InUseError
	switch {
	case errors.As(err, &inUse) && inUse.Info != nil:
		out.Kept = fmt.Sprintf("the drydock at %s (pid %d) holds them; drydock down, then drydock prune", inUse.Info.Endpoint, inUse.Info.PID)
	case inUse != nil:
		out.Kept = "a drydock starts or ends on them just now; try again in a moment"
	case err != nil:
		doc.Failed = append(doc.Failed, fmt.Sprintf("the store of Flyte runs: %v", err))
	case done.Open > 0:
		out.Kept = fmt.Sprintf("%s not over, and may need what others left; drydock up goes on with them, flyte abort run ends one", areRuns(done.Open))
	}
}

func areRuns(n int) string {
	if n == 1 {
		return "1 of them is"
	}
	return fmt.Sprintf("%d of them are", n)
}

// flyteRows are the runs that would go, for the table.
func flyteRows(doc prunedFlyte, now time.Time) (rows [][]cell) {
	for _, run := range doc.Runs {
		age := "-"
		if !run.Ended.IsZero() {
			age = "ended " + ageText(now.Sub(run.Ended)) + " ago"
		}
		name := run.Project + "/" + run.Domain + "/" + run.Name
		rows = append(rows, []cell{plain("Flyte run"), plain(cut(report.OneLine(name), taskNameWidth)), plain(age), plain(report.Size(run.Bytes))})
	}
	return rows
}

// flyteText tells what went of the store; nothing where there was nothing.
func flyteText(verb string, doc prunedFlyte) string {
	text := ""
	if len(doc.Runs) > 0 || doc.Objects > 0 {
		text = fmt.Sprintf("%s %s with %s of theirs, %s of disk\n", verb, counted(len(doc.Runs), "Flyte run"), counted(doc.Objects, "file"), report.Size(doc.Bytes))
	}
	if doc.Kept != "" {
		text += fmt.Sprintf("kept all Flyte runs: %s\n", doc.Kept)
	}
	return text
}
