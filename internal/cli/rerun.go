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
	"drydock/internal/state"
	"drydock/sandbox"
)

type rerunOptions struct {
	deskOptions
	CPU, Memory, Disk, Shm, GPU string
	Node, Profile, Sandbox      string
	Override, Env               words
	Quiet                       bool
	Result                      string
	gpuOptions
}

var rerunPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Runs a task once more as a new one: the same command, resources, policies, working
directory and mounts, under this terminal as drydock run would. --memory and its like
change one of its resources each, and so does --override, in one word for several; the
rest stays: what ran without accelerators that were missing does so again. --node and
--profile take the machine and the cluster for others than they were taken for: the profile
stays the task's own without it, the node is this machine. An action of a Flyte run gets
its variables from the program: it takes no -e.

The values of environment variables are not kept, because secrets travel in them: the
current environment is used, and variables that the task had and that are not set now are
named. Give them with -e. Standard input is this command's, and no terminal is given (-t).

` + whichTasks,
	Examples: []example{
		{"Again, with more memory", "drydock rerun last --memory 1Gi"},
		{"Several at once", "drydock rerun last --override memory=1Gi,cpu=2"},
		{"The Flyte task that ran out of memory, with more", "drydock ps -a\ndrydock rerun 01JDX3Q9 --memory 2Gi"},
		{"As on a smaller machine", "drydock rerun last --node cpu=4,memory=8Gi"},
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
		Flags: append(deskFlags(&o.deskOptions,
			&cli.StringFlag{Name: "cpu", Destination: &o.CPU, Usage: "`R[,L]` other cores: --override cpu=R,L"},
			&cli.StringFlag{Name: "memory", Destination: &o.Memory, Usage: "`R[,L]` other memory"},
			&cli.StringFlag{Name: "disk", Destination: &o.Disk, Usage: "`SIZE` another disk limit"},
			&cli.StringFlag{Name: "shm", Destination: &o.Shm, Usage: "`SIZE` another size of /dev/shm"},
			&cli.StringFlag{Name: "gpu", Destination: &o.GPU, Usage: "`TYPE:N` other accelerators; 0: none"},
			&cli.StringFlag{Name: "sandbox", Destination: &o.Sandbox, Usage: "`native|docker|auto` to insist on what it runs in"},
			nodeFlag(&o.Node), profileFlag(&o.Profile),
			&wordsFlag{Name: "override", Destination: &o.Override, Usage: "`KEY=VALUE` change one resource: memory=1Gi; repeatable, or with commas between"},
			&wordsFlag{Name: "env", Short: "e", Destination: &o.Env, Usage: "`K[=V]` set a variable, or pass K on; repeatable"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.Quiet, Usage: "say nothing but errors"},
			&cli.StringFlag{Name: "result", Destination: &o.Result, Usage: "`FILE` write the end as JSON"},
		), gpuFlags("", &o.gpuOptions)...),
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
	rec, err := d.recorded(args)
	if err != nil {
		return refuse(w, run, err)
	}
	if isAction(rec) {
		survivePipes(w)
		return d.rerunAction(ctx, o, rec)
	}
	file, err := openResult(o.Result)
	if err != nil {
		run.Result = ""
		return refuse(w, run, err)
	}
	out := newPrinter(w, run)
	task, missing, err := d.again(o, rec)
	if err != nil {
		return finish(w, file, out, notStarted(err))
	}
	if len(missing) > 0 && !o.Quiet {
		fmt.Fprintf(w.Stderr, "drydock: the task had variables that are not set now: %s; give them with -e NAME=VALUE\n", strings.Join(missing, ", "))
	}
	defer retaining(ctx, w, d.settings, o.Quiet || o.JSON)()
	return finish(w, file, out, execute(ctx, w, run, d.settings, task, out))
}

// recorded is what is kept of the task that the arguments name.
func (d *desk) recorded(args []string) (*executor.Recorded, error) {
	id, err := d.oneTask(args)
	if err != nil {
		return nil, err
	}
	return executor.ReadRecorded(d.stateDir, id)
}

// again makes a task of one that was recorded. missing are the variables that
// it had and that have no value now.
func (d *desk) again(o rerunOptions, rec *executor.Recorded) (task executor.Task, missing []string, err error) {
	id := rec.ID
	if len(rec.Task.Command) == 0 && rec.Task.Image == "" {
		return task, nil, usagef("run its command with drydock run", "what task %s ran is not known: its task.json cannot be read", id)
	}
	// The profile that it ran with, or Flyte's own.
	flags := stateDirSetting(true, d.stateDir)
	flags["profile"] = rec.Profile
	for flag, value := range map[string]string{"node": o.Node, "profile": o.Profile, "sandbox": o.Sandbox} {
		if o.Given[flag] {
			flags[flag] = value
		}
	}
	if withoutDevices(rec) {
		flags["gpu_missing"] = "ignore"
	}
	o.gpuOptions.settings(o.Given, flags)
	if d.settings, err = loadSettings(d.w, o.Config, flags); err != nil {
		return task, nil, err
	}
	task = rec.Task
	d.view(id, &task)
	if err := o.change(&task); err != nil {
		return task, nil, err
	}
	if o.Given["sandbox"] {
		if err := checkSandbox(d.settings.Get("sandbox"), task); err != nil {
			return task, nil, err
		}
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
	return task, missing, checkMounts(task.Mounts)
}

// withoutDevices reports whether the task was let run without the accelerators
// that it asks for.
func withoutDevices(rec *executor.Recorded) bool {
	return slices.ContainsFunc(rec.Attempts, func(a executor.RecordedAttempt) bool { return a.Accelerators != nil && a.Accelerators.Ignored != "" })
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

// change changes the task's resources. --override counts above the flag of one.
func (o rerunOptions) change(task *executor.Task) error {
	if len(o.Override) > 0 {
		if _, err := rerunOverrides(o.Override); err != nil {
			return err
		}
	}
	return applyResources(World{}, runOptions{
		CPU: o.CPU, Memory: o.Memory, Disk: o.Disk, Shm: o.Shm, GPU: o.GPU, Given: o.Given,
		File:     state.TaskFile, // they lie over what it says, as over a task file's
		Override: splitOverrides(o.Override),
	}, nil, task)
}

// rerunOverrides are the resources that words like --override's change.
func rerunOverrides(all []string) (changes, error) {
	over, err := overrides(splitOverrides(all))
	if err == nil && over.isZero() {
		err = usagef("accepted: cpu=…, memory=…, shm=…, disk=…, gpu=…", "--override %s changes nothing", strings.Join(all, ","))
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
