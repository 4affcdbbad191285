// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/integration/flyte"
	"drydock/internal/config"
	"drydock/internal/history"
	"drydock/internal/options"
	"drydock/internal/report"
	"drydock/internal/state"
)

type pruneOptions struct {
	deskOptions
	DryRun, All     bool
	OlderThan, Keep string
}

var prunePage = page{
	Usages: []string{"[FLAG…]"},
	About: `Removes ended tasks: their logs, samples and documents. What runs or waits, or is looked at
by a drydock just now, is never touched. Without a flag that says which, the settings decide:
those that ended more than prune_older_than ago, and that are not among the newest prune_keep.

By themselves, while drydock runs anything, ended tasks go that the settings retain_for,
retain_tasks and retain_size do not keep (30 days, 10,000 tasks, a tenth of the disk and at
most 20Gi; off: all are kept).

Flyte runs that are over go by the same flags and settings, counted for themselves: out of
the list of runs, with what they left in the cache of results. Of the files of inputs,
outputs and code those go that no run that stays and no deployed task refers to, code not
within a day: clients remember that they uploaded it. What a --raw-data-path put elsewhere is
never touched. While a run is not over, or a drydock up
holds the store, nothing of Flyte runs is removed, and it is said.`,
	Examples: []example{
		{"What would go?", "drydock prune --dry-run"},
		{"Keep the last 100 tasks", "drydock prune --keep 100"},
		{"Keep a day", "drydock prune --older-than 24h"},
		{"Keep nothing that has ended", "drydock prune --all"},
	},
	Exits: []exit{{"0", "removed, also when there was nothing"}, {"1", "something could not be removed"}, {"125", "drydock's own failure"}},
}

func newPruneCommand(w World) *cli.Command {
	var o pruneOptions
	return &cli.Command{
		Name:  "prune",
		Usage: "remove ended tasks and free their disk space",
		Flags: deskFlags(&o.deskOptions,
			&cli.BoolFlag{Name: "dry-run", Destination: &o.DryRun, Usage: "only tell what would go"},
			&cli.StringFlag{Name: "older-than", Destination: &o.OlderThan, Usage: "`D` those that ended longer ago: 24h, 30m"},
			&cli.StringFlag{Name: "keep", Destination: &o.Keep, Usage: "`N` all but the newest N ended tasks"},
			&cli.BoolFlag{Name: "all", Destination: &o.All, Usage: "all that have ended"},
		),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runPrune(c.Context, w, o)
		},
	}
}

// retention says which ended tasks, and which Flyte runs, stay.
type retention struct {
	olderThan time.Duration // what ended later stays
	keep      int           // the newest of them stay
}

// retention is what the flags say; without any, what the settings say.
func (o pruneOptions) retention(s *config.Settings) (retention, error) {
	var r retention
	olderThan, keep := o.OlderThan, o.Keep
	named := [2]string{"--older-than", "--keep"}
	switch {
	case o.All && (o.Given["older-than"] || o.Given["keep"]):
		return r, usagef("leave one of them out", "--all leaves nothing for --older-than or --keep to say")
	case o.All:
		return r, nil
	case !o.Given["older-than"] && !o.Given["keep"]:
		for i, key := range []string{"prune_older_than", "prune_keep"} {
			named[i] = s.Get(key).Origin.String()
		}
		olderThan, keep = s.Get("prune_older_than").Text, s.Get("prune_keep").Text
	}
	if olderThan != "" {
		d, err := options.Wait(olderThan)
		if err != nil {
			return r, flagged(named[0], err)
		}
		r.olderThan = d
	}
	if keep != "" {
		n, err := options.Count(keep)
		if err != nil {
			return r, flagged(named[1], err)
		}
		r.keep = n
	}
	return r, nil
}

// pruned is what prune --json prints.
type pruned struct {
	DryRun bool         `json:"dry_run"`
	Tasks  []prunedTask `json:"tasks"`
	Bytes  int64        `json:"bytes"` // of the tasks
	Flyte  prunedFlyte  `json:"flyte"`
	Kept   []keptTasks  `json:"kept,omitempty"`
	Failed []string     `json:"failed,omitempty"`
}

type prunedTask struct {
	ID    string    `json:"id"`
	Name  string    `json:"name,omitempty"`
	Ended time.Time `json:"ended_at,omitzero"`
	Bytes int64     `json:"bytes"`
}

// keptTasks are tasks that would go but for a reason.
type keptTasks struct {
	Count int    `json:"count"`
	Why   string `json:"why"`
}

func runPrune(ctx context.Context, w World, o pruneOptions) error {
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	r, err := o.retention(d.settings)
	if err != nil {
		return err
	}
	x, err := d.openIndex(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	doc := pruned{DryRun: o.DryRun, Tasks: []prunedTask{}}
	if x != nil {
		if err := d.prune(ctx, r, &doc); err != nil {
			return err
		}
	}
	d.pruneFlyte(ctx, r, &doc)
	if o.JSON {
		enc := json.NewEncoder(w.Stdout)
		enc.SetEscapeHTML(false)
		err = enc.Encode(doc)
	} else {
		err = tellPruned(w, doc)
	}
	if err == nil && len(doc.Failed) > 0 {
		return codeError{exitProblems}
	}
	return err
}

// chooser says which ended tasks are to go; they come newest first.
type chooser interface {
	choose(tasks []history.Task, now time.Time) []history.Task
}

func (d *desk) prune(ctx context.Context, r chooser, doc *pruned) error {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return err
	}
	if !doc.DryRun { // what a prune that was killed left
		if err := dir.RemovePruned(); err != nil {
			doc.Failed = append(doc.Failed, err.Error())
		}
	}
	list := d.list
	if doc.DryRun || d.quiet {
		list = d.index.List
	}
	tasks, err := list(ctx, history.Filter{Statuses: []history.Status{history.Ended, history.Lost}})
	if err != nil {
		return err
	}
	gone := r.choose(tasks, d.w.Now())
	gone = d.spareFlyte(ctx, gone, doc)
	busy := 0
	for i := range gone {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := &gone[i]
		p := prunedTask{ID: t.ID, Name: t.Name, Ended: t.EndedAt, Bytes: diskUse(t.Dir)}
		if !doc.DryRun {
			err := dir.RemoveTask(t.ID)
			switch {
			case errors.Is(err, state.ErrLocked):
				busy++
				continue
			case err != nil:
				doc.Failed = append(doc.Failed, fmt.Sprintf("task %s: %v", t.ID, err))
				continue
			}
		}
		doc.Tasks = append(doc.Tasks, p)
		doc.Bytes += p.Bytes
	}
	doc.keep(busy, "somebody looks after them just now")
	if len(doc.Tasks) > 0 && !doc.DryRun {
		// The file forgets what is gone, whatever the filter takes.
		_, err = d.index.List(ctx, history.Filter{Statuses: []history.Status{history.Running}})
	}
	return err
}

func (p *pruned) keep(n int, why string) {
	if n > 0 {
		p.Kept = append(p.Kept, keptTasks{n, why})
	}
}

// choose leaves the tasks that need not stay; they come newest first.
func (r retention) choose(tasks []history.Task, now time.Time) []history.Task {
	var gone []history.Task
	for i := range tasks {
		if i >= r.keep && now.Sub(endOf(&tasks[i])) >= r.olderThan {
			gone = append(gone, tasks[i])
		}
	}
	return gone
}

// endOf is when a task ended, or began where nobody knows that.
func endOf(t *history.Task) time.Time {
	if t.EndedAt.IsZero() {
		return t.Begun
	}
	return t.EndedAt
}

// spareFlyte takes the actions of Flyte runs out while a run is not over: a
// run that goes on may need what its ended actions left.
func (d *desk) spareFlyte(ctx context.Context, tasks []history.Task, doc *pruned) []history.Task {
	var rest, actions []history.Task
	for _, t := range tasks {
		if t.Flyte {
			actions = append(actions, t)
		} else {
			rest = append(rest, t)
		}
	}
	if len(actions) == 0 {
		return rest
	}
	ask, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	open, err := flyte.Home{StateDir: d.stateDir}.Unfinished(ask)
	switch {
	case err != nil:
		doc.keep(len(actions), fmt.Sprintf("they are actions of Flyte runs, and whether those are over is not known: %v", err))
	case open > 0:
		doc.keep(len(actions), fmt.Sprintf("they are actions of Flyte runs, of which %d are not over; flyte abort run ends one", open))
	default:
		return tasks
	}
	return rest
}

func tellPruned(w World, doc pruned) error {
	verb, rows := "removed", [][]cell(nil)
	if doc.DryRun {
		verb = "would remove"
		now := w.Now()
		for _, t := range doc.Tasks {
			age := "-"
			if !t.Ended.IsZero() {
				age = "ended " + ageText(now.Sub(t.Ended)) + " ago"
			}
			rows = append(rows, []cell{plain(t.ID), plain(cut(report.OneLine(t.Name), taskNameWidth)), plain(age), plain(report.Size(t.Bytes))})
		}
		rows = append(rows, flyteRows(doc.Flyte, now)...)
	}
	for _, f := range doc.Failed {
		fmt.Fprintf(w.Stderr, "drydock: %s\n", report.OneLine(f))
	}
	text := table(rows, columns(w)) + fmt.Sprintf("%s %s, %s of disk\n", verb, counted(len(doc.Tasks), "task"), report.Size(doc.Bytes))
	for _, k := range doc.Kept {
		text += fmt.Sprintf("kept %s: %s\n", counted(k.Count, "task"), k.Why)
	}
	text += flyteText(verb, doc.Flyte)
	_, err := fmt.Fprint(w.Stdout, text)
	return err
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
