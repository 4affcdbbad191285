// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/report"
	"drydock/internal/top"
)

type psOptions struct {
	deskOptions
	All, Quiet    bool
	Limit, Status string
}

var psPage = page{
	Usages: []string{"[FLAG…]"},
	About: `Lists what runs and what waits, the newest first; with --all what has ended, too. The
tasks of Flyte runs (drydock up, drydock flyte) are among them.

STATUS is running or queued, or the verdict of a task that has ended, and the exit code that
it brought where that is not 0. A queued task's line ends with what it waits for. The status
lost means that a kill or a crash took all that knew of a task; drydock wait finds out what
came of it.

CPU, MEMORY and DISK are what a running task uses now, of its limit; what a queued one asks
for; what an ended one took: seconds of CPU time, and its peaks of memory and disk. Disk is
measured of tasks that asked for a limit on it; where none did the column is left out.

What kills and crashes left of any task is removed on the way, and its end written down.

Only tasks of this state directory are listed: another user's, or those under another
--state-dir, lie elsewhere.`,
	Examples: []example{
		{"What runs?", "drydock ps"},
		{"What ran out of memory lately?", "drydock ps --status oom"},
		{"Stop everything", "drydock stop $(drydock ps -q)"},
		{"For a script", "drydock ps -a --json | jq -r 'select(.verdict==\"failed\").id'"},
	},
	Exits: []exit{{"0", "listed, also when there is nothing"}, {"125", "a wrong word, or drydock's own failure"}},
}

func newPsCommand(w World) *cli.Command {
	var o psOptions
	return &cli.Command{
		Name:  "ps",
		Usage: "list tasks: running and queued, or the recent ones too",
		Flags: deskFlags(&o.deskOptions,
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.All, Usage: "ended tasks, too"},
			&cli.StringFlag{Name: "status", Destination: &o.Status,
				Usage: "`WORDS` of statuses and verdicts to list, with commas between: " + strings.Join(history.FilterWords(), ", ")},
			&cli.StringFlag{Name: "limit", Aliases: []string{"n"}, Destination: &o.Limit, Usage: "`N` ended tasks at most; 0: all (20)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.Quiet, Usage: "print ids only"},
		),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runPs(c.Context, w, o)
		},
	}
}

// psLimit is how many ended tasks are shown when nobody says otherwise.
const psLimit = 20

func (o psOptions) filter() (history.Filter, error) {
	f := history.Filter{Statuses: []history.Status{history.Running, history.Queued}}
	if o.All {
		f = history.Filter{}
	}
	if o.Given["status"] {
		var err error
		if f, err = history.ParseFilter(o.Status); err != nil {
			return f, flagged("--status", err)
		}
	}
	f.Limit = psLimit
	if o.Given["limit"] {
		n, err := strconv.Atoi(o.Limit)
		if err != nil || n < 0 {
			return f, usagef("accepted: 0 (all) or more", "--limit %s is no number of tasks", shellQuote(o.Limit))
		}
		f.Limit = n
	}
	return f, nil
}

func runPs(ctx context.Context, w World, o psOptions) error {
	f, err := o.filter()
	if err != nil {
		return err
	}
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	x, err := d.openIndex(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	var tasks []history.Task
	if x != nil {
		if tasks, err = d.list(ctx, o.oneMore(f)); err != nil {
			return err
		}
	}
	tasks, more := atMost(tasks, f.Limit)
	switch {
	case o.JSON:
		return psJSON(w, tasks)
	case o.Quiet:
		for i := range tasks {
			if _, err := fmt.Fprintln(w.Stdout, tasks[i].ID); err != nil {
				return err
			}
		}
		return nil
	}
	width := columns(w)
	rows := psRows(styleOf(w, w.Stdout), tasks, w.Now())
	if width > 0 && tableWidth(rows) > width {
		shortenRows(rows)
	}
	if _, err = fmt.Fprint(w.Stdout, table(rows, width)); err != nil {
		return err
	}
	if more && !o.Given["limit"] {
		fmt.Fprintf(w.Stderr, "drydock: these are the newest %d that have ended; --limit 0 lists all\n", f.Limit)
	}
	return nil
}

// oneMore asks for one ended task more than is shown: that there is one.
func (o psOptions) oneMore(f history.Filter) history.Filter {
	if f.Limit > 0 {
		f.Limit++
	}
	return f
}

// atMost leaves the newest limit of tasks that are over; 0: all.
func atMost(tasks []history.Task, limit int) (shown []history.Task, more bool) {
	over := 0
	shown = slices.DeleteFunc(tasks, func(t history.Task) bool {
		if t.Status != history.Running && t.Status != history.Queued {
			over++
			return limit > 0 && over > limit
		}
		return false
	})
	return shown, limit > 0 && over > limit
}

// taskLine is a line of ps --json.
type taskLine struct {
	Type string `json:"type"` // "task"
	*history.Task
}

func psJSON(w World, tasks []history.Task) error {
	enc := json.NewEncoder(w.Stdout)
	enc.SetEscapeHTML(false)
	for i := range tasks {
		if err := enc.Encode(taskLine{"task", &tasks[i]}); err != nil {
			return err
		}
	}
	return nil
}

const (
	taskNameWidth  = 24 // longer names are cut
	leastNameWidth = 12 // where the screen is narrow
)

// shortenRows makes room for what a list is read for, on a narrow screen: the
// first letters of an id are enough for every command.
func shortenRows(rows [][]cell) {
	ids := make([]string, 0, len(rows))
	for _, row := range rows[1:] {
		ids = append(ids, row[0].text)
	}
	n := top.IDLength(ids)
	for _, row := range rows {
		row[0].text = row[0].text[:min(n, len(row[0].text))]
		row[1].text = cut(row[1].text, leastNameWidth)
	}
}

func psRows(s report.Style, tasks []history.Task, now time.Time) [][]cell {
	head := func(text string) cell { return cell{text, s.Dim} }
	titles := []cell{head("ID"), head("NAME"), head("STATUS"), head("AGE"), head("CPU"), head("MEMORY")}
	disks := slices.ContainsFunc(tasks, func(t history.Task) bool { return diskColumn(&t) != "" })
	if disks {
		titles = append(titles, head("DISK"))
	}
	rows := [][]cell{append(titles, head("TRY"), head(""))}
	for i := range tasks {
		t := &tasks[i]
		try := "-"
		if last := t.Last(); last != nil {
			try = strconv.Itoa(last.Number)
		}
		row := []cell{
			plain(t.ID), plain(cut(report.OneLine(t.Name), taskNameWidth)), statusCell(s, t), plain(ageText(t.Age(now))),
			plain(cpuColumn(t)), plain(memoryColumn(t)),
		}
		if disks {
			row = append(row, plain(cmp.Or(diskColumn(t), "-")))
		}
		rows = append(rows, append(row, plain(try), remarkCell(t)))
	}
	return rows
}

// statusCell is a task's status, of an ended one how it ended.
func statusCell(s report.Style, t *history.Task) cell {
	c := plain(string(t.Status))
	switch {
	case t.Status == history.Running:
		c.paint = s.Good
	case t.Status == history.Queued, t.Status == history.Lost:
		c.paint = s.Warn
	case t.Class != "":
		c = plain(report.Word(t.Class))
		if t.ExitCode != nil && *t.ExitCode != 0 {
			c.text += fmt.Sprintf(" (%d)", *t.ExitCode)
		}
		if t.Class != executor.Succeeded {
			c.paint = s.Bad
		}
	}
	return c
}

// remarkCell is what is waited for, or what to do.
func remarkCell(t *history.Task) cell {
	switch t.Status {
	case history.Queued:
		return plain(t.Waiting)
	case history.Lost:
		return plain("drydock wait " + t.ID + " finds out")
	}
	return plain("")
}

func cpuColumn(t *history.Task) string {
	last := t.Last()
	switch {
	case last == nil && t.Asked.CPU.IsZero():
		return "-"
	case last == nil:
		return "asks " + string(t.Asked.CPU.Request)
	case t.Status == history.Running && last.Now != nil && last.Now.Cores != nil:
		return fmt.Sprintf("%.2f of %s", *last.Now.Cores, last.Resources.CPU.Limit.String())
	case t.Status == history.Running || t.Status == history.Queued:
		return "- of " + last.Resources.CPU.Limit.String()
	case last.CPUSeconds > 0:
		return fmt.Sprintf("%.2f s", last.CPUSeconds)
	}
	return "-"
}

func memoryColumn(t *history.Task) string {
	last := t.Last()
	switch {
	case last == nil && t.Asked.Memory.IsZero():
		return "-"
	case last == nil:
		return "asks " + string(t.Asked.Memory.Request)
	case t.Status == history.Running && last.Now != nil:
		return report.Size(last.Now.Memory) + " of " + report.Size(last.MemoryLimit)
	case last.MemoryPeak > 0:
		return report.Size(last.MemoryPeak) + " of " + report.Size(last.MemoryLimit)
	}
	return "- of " + report.Size(last.MemoryLimit)
}

// diskColumn is empty for a task without a limit on the disk, which is not
// measured.
func diskColumn(t *history.Task) string {
	last := t.Last()
	switch {
	case last == nil && t.Asked.Disk == "":
		return ""
	case last == nil:
		return "asks " + string(t.Asked.Disk)
	case last.Resources.Disk == nil:
		return ""
	case t.Status == history.Running && last.Now != nil && last.Now.Disk != nil:
		return report.Size(*last.Now.Disk) + " of " + report.Size(last.Resources.Disk.LimitBytes())
	case last.DiskPeak > 0:
		return report.Size(last.DiskPeak) + " of " + report.Size(last.Resources.Disk.LimitBytes())
	}
	return "- of " + report.Size(last.Resources.Disk.LimitBytes())
}

// ageText is a time in one unit: 42s, 3m, 5h, 12d.
func ageText(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
