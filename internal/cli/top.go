// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/gpu/usage"
	"drydock/internal/history"
	"drydock/internal/options"
	"drydock/internal/top"
)

type topOptions struct {
	deskOptions
	Interval string
	Once     bool
}

var topPage = page{
	Usages: []string{"[FLAG…]"},
	About: `Shows what each running task uses of its CPU, memory and disk limit and of its devices'
memory, now and over the last minute, and what waits. On a terminal the table is painted
anew every second: a, c, m, d and g sort by age, CPU, memory, disk or GPU, q ends it.
Elsewhere it is printed once.

The figures are the supervisors' own samples. An old task's lie further apart: half a second
after ten seconds, and from half an hour on ever more. Memory includes page cache, which the
kernel takes back before it kills. Disk is what the last look saw, of tasks that asked for a
limit on it: up to 10 s ago, or more where there are very many files. Only tasks of this state
directory are shown.`,
	Examples: []example{
		{"Look on", "drydock top"},
		{"For a script: the memory of all tasks, every five seconds", "drydock top --json --interval 5s | jq '[.tasks[].memory] | add'"},
	},
	Exits: []exit{{"0", "ended by q, or printed"}, {"125", "drydock's own failure"}, {"130", "Ctrl-C with --json"}},
}

func newTopCommand(w World) *cli.Command {
	var o topOptions
	return &cli.Command{
		Name:  "top",
		Usage: "show live what running tasks use of their limits",
		Flags: deskFlags(&o.deskOptions,
			&cli.StringFlag{Name: "interval", Destination: &o.Interval, Usage: "`D` between two looks (1s)"},
			&cli.BoolFlag{Name: "once", Destination: &o.Once, Usage: "print one look and end"},
		),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runTop(c.Context, w, o)
		},
	}
}

const (
	topInterval      = time.Second
	leastTopInterval = 100 * time.Millisecond
)

func runTop(ctx context.Context, w World, o topOptions) error {
	interval := topInterval
	if o.Given["interval"] {
		d, err := options.Duration(o.Interval)
		if err != nil {
			return flagged("--interval", err)
		}
		if d < leastTopInterval {
			return usagef("accepted: 100ms or more", "--interval %s is too short", o.Interval)
		}
		interval = d
	}
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return err
	}
	defer d.close()
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	look := top.Look{Style: styleOf(w, w.Stdout), Unicode: unicodeLocale(w), Width: columns(w)}
	switch {
	case o.JSON:
		return d.topJSON(ctx, interval, o.Once)
	case !o.Once && canPaint(w, w.Stdout) && isTerminal(w.Stdin):
		return top.Run(ctx, d.snapshot, interval, look, w.Stdin, w.Stdout)
	}
	s, err := d.snapshot(ctx)
	if err != nil {
		return err
	}
	s.Sort(top.ByAge)
	_, err = io.WriteString(w.Stdout, top.Text(s, look))
	return err
}

// topJSON prints a snapshot for each interval.
func (d *desk) topJSON(ctx context.Context, interval time.Duration, once bool) error {
	enc := json.NewEncoder(d.w.Stdout)
	enc.SetEscapeHTML(false)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		s, err := d.snapshot(ctx)
		if err == nil {
			err = enc.Encode(struct {
				Type string `json:"type"` // "top"
				top.Snapshot
			}{"top", s})
		}
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if err != nil || once {
			return err
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx)
		case <-tick.C:
		}
	}
}

// snapshot looks at all tasks that run or wait.
func (d *desk) snapshot(ctx context.Context) (top.Snapshot, error) {
	now := d.w.Now()
	s := machineNow(d.settings)
	s.Time, s.Tasks = now.UTC(), []top.Task{}
	x, err := d.openIndex(ctx)
	if err != nil || x == nil {
		return s, err
	}
	tasks, err := x.List(ctx, history.Filter{Statuses: []history.Status{history.Running, history.Queued}})
	if err != nil {
		return s, err
	}
	for i := range tasks {
		s.Tasks = append(s.Tasks, topTask(&tasks[i], now))
	}
	return s, nil
}

func topTask(t *history.Task, now time.Time) top.Task {
	row := top.Task{ID: t.ID, Name: t.Name, Status: string(t.Status), Begun: t.Begun, Waiting: t.Waiting}
	last := t.Last()
	if last == nil {
		return row
	}
	row.Attempt, row.MemoryLimit = last.Number, last.MemoryLimit
	row.CPULimit = float64(last.Resources.CPU.LimitMilli()) / 1000
	if disk := last.Resources.Disk; disk != nil {
		row.DiskLimit = disk.LimitBytes()
	}
	topGPU(&row, last, now)
	if u := last.Now; u != nil {
		row.Cores, row.CPUSeconds, row.Memory, row.Disk = u.Cores, u.CPUSeconds, &u.Memory, u.Disk
		for _, u := range history.RecentUsage(last.Samples, now.Add(-top.Window)) {
			row.Recent = append(row.Recent, top.Point{Time: u.Time, Cores: u.Cores, Memory: u.Memory, Disk: u.Disk})
		}
	}
	return row
}

// topGPU adds what the task's devices are used for. Looks at them have times of
// their own: each is a point beside the samples'.
func topGPU(row *top.Task, last *history.Attempt, now time.Time) {
	record, err := usage.ReadEnd(filepath.Dir(last.Samples))
	if err != nil { // most tasks have none
		return
	}
	var busy, tell float64
	for i, u := range record.Last() {
		if m := record.Devices[i].Memory; m != nil {
			row.GPULimit += *m
		}
		if u.Memory != nil {
			row.GPU = sumOf(row.GPU, *u.Memory)
		}
		if u.Busy != nil {
			busy, tell = busy+*u.Busy, tell+1
		}
	}
	if tell > 0 {
		busy /= tell
		row.GPUBusy = &busy
	}
	for _, s := range record.Samples {
		var memory *int64
		for _, u := range s.Devices {
			if u.Memory != nil {
				memory = sumOf(memory, *u.Memory)
			}
		}
		if memory != nil && s.Time.After(now.Add(-top.Window)) {
			row.RecentGPU = append(row.RecentGPU, top.Point{Time: s.Time, GPU: *memory})
		}
	}
}

func sumOf(all *int64, more int64) *int64 {
	if all != nil {
		more += *all
	}
	return &more
}
