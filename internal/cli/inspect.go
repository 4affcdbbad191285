// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/gpu/usage"
	"drydock/internal/history"
	"drydock/internal/state"
	"drydock/sandbox"
)

var inspectPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Shows everything that is kept about a task: what it asked for, what each attempt got and
whose idea that was, how this machine held the limits, what it used, how it ended and why,
what it saw, and where its log and samples lie. Of environment variables there are names
only: their values are not kept.

` + whichTasks,
	Examples: []example{
		{"All about the newest task", "drydock inspect last"},
		{"For a script", "drydock inspect last --json | jq '.attempts[-1].memory_peak'"},
	},
	Exits: []exit{{"0", "shown"}, {"125", "no such task, or drydock's own failure"}},
}

func newInspectCommand(w World) *cli.Command {
	var o deskOptions
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show everything about a task",
		ArgsUsage: "ID",
		Flags:     deskFlags(&o),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runInspect(c.Context, w, o, c.Args().Slice())
		},
	}
}

// inspection is what inspect --json prints.
type inspection struct {
	Type    string `json:"type"` // "inspect"
	Version int    `json:"version"`
	*history.Task
	WorkDir     string              `json:"work_dir,omitempty"`
	Profile     string              `json:"profile,omitempty"`
	EnvNames    []string            `json:"env_names,omitempty"`
	CleanEnv    bool                `json:"clean_env,omitempty"`
	Timeout     float64             `json:"timeout_seconds,omitempty"`
	Retries     int                 `json:"retries,omitempty"`
	Backoff     float64             `json:"retry_backoff_seconds,omitempty"`
	OOMRetry    *executor.OOMRetry  `json:"oom_retry,omitempty"`
	ChildOOM    executor.ChildOOM   `json:"child_oom,omitempty"`
	DiskEnforce sandbox.DiskEnforce `json:"disk_enforce,omitempty"`
	Bytes       int64               `json:"bytes"` // on disk, of the task's directory

	Attempts []inspectedAttempt `json:"attempts,omitempty"` // in the place of Task's
}

type inspectedAttempt struct {
	history.Attempt
	Kind   executor.Kind         `json:"kind,omitempty"`
	Hints  []string              `json:"hints,omitempty"`
	OOM    *executor.OOMReport   `json:"oom,omitempty"`
	Engine string                `json:"engine,omitempty"`
	Image  *sandbox.Image        `json:"image,omitempty"`
	Limits []sandbox.Enforcement `json:"limits,omitempty"`
	Stops  []sandbox.Stop        `json:"stops,omitempty"`
	Disk   *sandbox.Disk         `json:"disk,omitempty"` // only with a limit on it
	// Accelerators are what it was given, or why it ran without.
	Accelerators *executor.Accelerators `json:"accelerators,omitempty"`
	// GPU is what it used, or uses, of them, one by one.
	GPU  []usage.Summary `json:"gpu,omitempty"`
	Spec *sandbox.Spec   `json:"spec,omitempty"` // nil: not written yet
	Dir  string          `json:"dir"`
}

const inspectVersion = 1

func runInspect(ctx context.Context, w World, o deskOptions, args []string) error {
	d, err := openDesk(w, o)
	if err != nil {
		return err
	}
	id, err := d.oneTask(args)
	if err != nil {
		return err
	}
	doc, err := d.inspect(ctx, id)
	d.close()
	if err != nil {
		return err
	}
	if o.JSON {
		enc := json.NewEncoder(w.Stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(doc)
	}
	_, err = fmt.Fprint(w.Stdout, inspectText(styleOf(w, w.Stdout), doc, w.Now()))
	return err
}

// inspect gathers what is kept about a task.
func (d *desk) inspect(ctx context.Context, id string) (*inspection, error) {
	t, err := d.read(ctx, id)
	if err != nil {
		return nil, err
	}
	rec, err := executor.ReadRecorded(d.stateDir, id)
	if err != nil {
		return nil, err
	}
	doc := &inspection{
		Type: "inspect", Version: inspectVersion, Task: &t,
		WorkDir: rec.Task.WorkDir, Profile: rec.Profile, EnvNames: rec.EnvNames, CleanEnv: rec.Task.CleanEnv,
		Timeout: rec.Task.Timeout.Seconds(), Retries: rec.Task.Retries.Count, Backoff: rec.Task.Retries.Backoff.Seconds(), OOMRetry: rec.Task.OOMRetry, ChildOOM: rec.Task.ChildOOM, DiskEnforce: rec.Task.DiskEnforce,
		Bytes: diskUse(t.Dir),
	}
	for i, a := range t.Attempts {
		doc.Attempts = append(doc.Attempts, inspectAttempt(a, rec, i))
	}
	return doc, nil
}

func inspectAttempt(a history.Attempt, rec *executor.Recorded, i int) inspectedAttempt {
	in := inspectedAttempt{Attempt: a, Dir: filepath.Dir(a.Log)}
	if i < len(rec.Attempts) && rec.Attempts[i].Number == a.Number { // it may have been pruned since
		r := &rec.Attempts[i]
		in.GPU = r.GPU
		in.Kind, in.Hints, in.OOM = r.Verdict.Kind, r.Verdict.Hints, r.Verdict.OOM
		in.Engine, in.Image, in.Stops, in.Limits, in.Disk = r.Outcome.Engine, r.Outcome.Image, r.Outcome.Stops, r.Enforcement, r.Outcome.Disk
		in.Accelerators = r.Accelerators
	}
	if spec, err := readSpec(in.Dir); err == nil {
		in.Spec = &spec
	}
	return in
}

// readSpec reads what an attempt's sandbox was told. Its environment holds
// names only.
func readSpec(dir string) (sandbox.Spec, error) {
	var spec sandbox.Spec
	data, err := os.ReadFile(filepath.Join(dir, state.SpecFile))
	if err != nil {
		return spec, err
	}
	return spec, json.Unmarshal(data, &spec)
}

// diskUse is how many bytes of disk a directory takes; files that go away
// meanwhile, or cannot be looked at, count nothing.
func diskUse(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil {
			total += blocks(info)
		}
		return nil
	})
	return total
}

// sinceStart is how long an attempt has run, or ran.
func sinceStart(a *history.Attempt, now time.Time) time.Duration {
	switch {
	case a.StartedAt.IsZero():
		return 0
	case a.EndedAt.IsZero():
		return max(0, now.Sub(a.StartedAt))
	}
	return max(0, a.EndedAt.Sub(a.StartedAt))
}
