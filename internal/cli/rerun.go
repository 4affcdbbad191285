// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/history"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

type rerunOptions struct {
	deskOptions
	Override, Env words
	Quiet         bool
	Result        string
}

var rerunPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Runs a task once more as a new one: the same command, resources, policies, working
directory and mounts, under this terminal as drydock run would. --override changes some
of its resources.

The values of environment variables are not kept, because secrets travel in them: the
current environment is used, and variables that the task had and that are not set now are
named. Give them with -e. Standard input is this command's, and no terminal is given (-t).

` + whichTasks,
	Examples: []example{
		{"Again, with more memory", "drydock rerun last --override memory=1Gi"},
		{"As it was in its first attempt, with a token", "drydock rerun 01JDX3Q9 -e TOKEN=…"},
	},
	Exits: []exit{
		{"N", "as drydock run"},
		{"125", "no such task, or it cannot be run again"},
	},
}

func newRerunCommand(w World) *cli.Command {
	var o rerunOptions
	return &cli.Command{
		Name:      "rerun",
		Usage:     "run a task once more, perhaps with other resources",
		ArgsUsage: "ID",
		Flags: deskFlags(&o.deskOptions,
			&wordsFlag{Name: "override", Destination: &o.Override, Usage: "`KEY=VALUE` change one resource: memory=1Gi; repeatable, or with commas between"},
			&wordsFlag{Name: "env", Short: "e", Destination: &o.Env, Usage: "`K[=V]` set a variable, or pass K on; repeatable"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.Quiet, Usage: "say nothing but errors"},
			&cli.StringFlag{Name: "result", Destination: &o.Result, Usage: "`FILE` write the end as JSON"},
		),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runRerun(c.Context, w, o, c.Args().Slice())
		},
	}
}

func runRerun(ctx context.Context, w World, o rerunOptions, args []string) error {
	run := runOptions{JSON: o.JSON, Quiet: o.Quiet, Result: o.Result}
	d, err := openDesk(w, o.deskOptions)
	if err != nil {
		return refuse(w, run, err)
	}
	file, err := openResult(o.Result)
	if err != nil {
		run.Result = ""
		return refuse(w, run, err)
	}
	out := newPrinter(w, run)
	task, missing, err := d.again(o, args)
	if err != nil {
		return finish(w, file, out, notStarted(err))
	}
	if len(missing) > 0 && !o.Quiet {
		fmt.Fprintf(w.Stderr, "drydock: the task had variables that are not set now: %s; give them with -e NAME=VALUE\n", strings.Join(missing, ", "))
	}
	return finish(w, file, out, execute(ctx, w, run, d.settings, task, out))
}

// again makes a task of one that was recorded. missing are the variables that
// it had and that have no value now.
func (d *desk) again(o rerunOptions, args []string) (task executor.Task, missing []string, err error) {
	id, err := d.oneTask(args)
	if err != nil {
		return task, nil, err
	}
	rec, err := executor.ReadRecorded(d.stateDir, id)
	if err != nil {
		return task, nil, err
	}
	if slices.Contains(rec.EnvNames, history.FlyteVariable) { // outside its run it would find nothing
		return task, nil, usagef("run it again with drydock flyte rerun, or the whole program with drydock flyte run",
			"task %s is an action of a Flyte run", id)
	}
	if len(rec.Task.Command) == 0 && rec.Task.Image == "" {
		return task, nil, usagef("run its command with drydock run", "what task %s ran is not known: its task.json cannot be read", id)
	}
	// The profile that it ran with, or Flyte's own.
	flags := stateDirSetting(true, d.stateDir)
	flags["profile"] = rec.Profile
	if d.settings, err = loadSettings(d.w, o.Config, flags); err != nil {
		return task, nil, err
	}
	task = rec.Task
	d.view(id, &task)
	if len(o.Override) > 0 {
		over, err := rerunOverrides(o.Override)
		if err != nil {
			return task, nil, err
		}
		task = task.Override(overlay(task.Resources, over))
	}
	task.Env = map[string]string{}
	for _, name := range rec.EnvNames {
		if value, ok := d.w.env(name); ok {
			task.Env[name] = value
		}
	}
	for _, word := range o.Env {
		if err := setVariable(d.w, task.Env, word); err != nil {
			return task, nil, flagged("--env", err)
		}
	}
	for _, name := range rec.EnvNames {
		if _, ok := task.Env[name]; !ok {
			missing = append(missing, name)
		}
	}
	if err := checkGPU(task); err != nil {
		return task, nil, err
	}
	return task, missing, checkMounts(task.Mounts)
}

// view takes what the task saw from its first attempt, as far as the task's
// own record does not say it. A task that never had one keeps the defaults.
func (d *desk) view(id string, t *executor.Task) {
	dir, err := state.Open(d.stateDir)
	if err != nil {
		return
	}
	numbers, err := dir.Attempts(id)
	if err != nil || len(numbers) == 0 {
		return
	}
	attempt := dir.Attempt(id, numbers[0])
	spec, err := readSpec(attempt)
	if err != nil {
		return
	}
	t.Hide, t.ReadOnly, t.User, t.Network = spec.Hide, spec.ReadOnly, spec.User, spec.Network
	t.KillDeaf = spec.KillDeaf
	if t.Grace = spec.Grace; t.Grace == 0 {
		t.Grace = -1 // at once
	}
	for _, line := range spec.Hosts {
		if !strings.HasSuffix(line, ":host-gateway") { // the executor adds its own
			t.Hosts = append(t.Hosts, line)
		}
	}
	for _, m := range spec.Mounts {
		if filepath.Dir(m.Source) != attempt { // the scratch directory is each attempt's own
			t.Mounts = append(t.Mounts, m)
		}
	}
}

// rerunOverrides are the resources to change.
func rerunOverrides(all []string) (resources.Resources, error) {
	over, err := overrides(splitOverrides(all))
	if err == nil && over.IsZero() { // gpu=0
		err = usagef("accepted: cpu=…, memory=…, shm=…, disk=…", "--override %s changes nothing", strings.Join(all, ","))
	}
	return over, err
}

// splitOverrides takes commas between several, too. Requests with a limit have
// a comma of their own: memory=1Gi,2Gi.
func splitOverrides(all []string) []string {
	var words []string
	for _, text := range all {
		for _, part := range strings.Split(text, ",") {
			if strings.Contains(part, "=") || len(words) == 0 {
				words = append(words, part)
			} else {
				words[len(words)-1] += "," + part
			}
		}
	}
	return words
}

func checkMounts(mounts []sandbox.Mount) error {
	for _, m := range mounts {
		if !exists(m.Source) {
			return usagef("create it, or run the command anew with drydock run",
				"the task saw %s, which does not exist any more", m.Source)
		}
	}
	return nil
}
