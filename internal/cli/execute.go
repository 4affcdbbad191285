// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// runRun is drydock run: it makes the task, runs it, tells how it went, and
// returns the exit code as an error.
func runRun(ctx context.Context, w World, o runOptions, args []string) error {
	survivePipes(w)
	file, err := openResult(o.Result)
	if err != nil {
		o.Result = ""
		return refuse(w, o, err)
	}
	report, err := openRunReport(o.Report)
	if err != nil {
		file.close()
		return refuse(w, o, err)
	}
	out := newPrinter(w, o)
	settings, err := loadSettings(w, o.Config, runSettings(o))
	if err != nil {
		return finish(w, file, out, notStarted(err))
	}
	all, err := buildTasks(w, o, settings, args)
	if err != nil {
		return finish(w, file, out, notStarted(err))
	}
	if all.Many() {
		return runMany(ctx, w, o, settings, all, file)
	}
	task, err := all.Task(0)
	if err != nil {
		return finish(w, file, out, notStarted(err))
	}
	defer retaining(ctx, w, settings, o.Quiet || o.JSON)()
	r := execute(ctx, w, o, settings, task, out)
	end := finish(w, file, out, r)
	return withReport(w, end, report.write(w, settings, r.ID))
}

// withReport adds to a run's end that its report could not be written.
func withReport(w World, end, reportErr error) error {
	if reportErr == nil {
		return end
	}
	fmt.Fprintf(w.Stderr, "drydock: %v\n", reportErr)
	if end == nil {
		return codeError{exitFault} // a script that relies on the file must not go on
	}
	return end
}

// runSettings are the settings that came as flags.
func runSettings(o runOptions) map[string]string {
	flags := map[string]string{}
	for flag, value := range map[string]string{
		"sandbox": o.Sandbox, "network": o.Network, "grace": o.Grace, "oom-retry": o.OOMRetry,
		"child-oom": o.ChildOOM, "disk-enforce": o.DiskEnforce, "profile": o.Profile, "node": o.Node, "state-dir": o.StateDir,
	} {
		if o.Given[flag] {
			flags[strings.ReplaceAll(flag, "-", "_")] = value
		}
	}
	o.gpuOptions.settings(o.Given, flags)
	return flags
}

// execute runs the task; whatever goes wrong becomes a Result.
func execute(ctx context.Context, w World, o runOptions, s *config.Settings, task executor.Task, out printer) *executor.Result {
	x, err := executorFor(w, s, out, sandboxOf(task))
	if err != nil {
		return notStarted(err)
	}
	grace := cmp.Or(task.Grace, executor.DefaultGrace)
	ctx, signals := watchSignals(ctx, w, func(first bool, name string) { out.signal(first, name, grace) })
	defer signals.stop()
	opts := []executor.RunOption{
		executor.WithStreams(out.streams(inputOf(w))), executor.WithEvents(out.event), executor.WithKill(signals.kill),
	}
	if task.TTY {
		setRaw := func(bool) {}
		if p, ok := out.(*textPrinter); ok {
			setRaw = p.setRaw
		}
		restore, err := rawTerminal(w, setRaw)
		if err != nil {
			return notStarted(err)
		}
		defer restore()
		sizes, stop := watchSize(w)
		defer stop()
		opts = append(opts, executor.WithResize(sizes))
	}
	if o.JSON {
		opts = append(opts, executor.WithOutputEvents())
	}
	r, err := x.Run(ctx, task, opts...)
	if r == nil {
		return notStarted(err)
	}
	return r
}

// newExecutor makes an executor with the sandboxes that the settings allow.
func newExecutor(w World, s *config.Settings, out strayTeller) (*executor.Executor, error) {
	return executorFor(w, s, out, s.Get("sandbox").Text)
}

// strayTeller is told of something of a dead supervisor that was removed.
type strayTeller interface{ stray(what string) }

// executorFor makes an executor with one sandbox, or with both ("auto").
func executorFor(w World, s *config.Settings, out strayTeller, which string) (*executor.Executor, error) {
	profile, name, err := loadProfile(s.Get("profile"))
	if err != nil {
		return nil, err
	}
	place := placeOf(s)
	place.OnStray = out.stray
	c := executor.Config{Profile: gpuRule(s, diskRule(s, profile)), ProfileName: name, StateDir: s.Get("state_dir").Text, LeaseDir: s.Get("lease_dir").Text}
	if c.Capacity, err = capacityOf(s); err != nil {
		return nil, err
	}
	if c.Log, err = logKeep(s); err != nil {
		return nil, err
	}
	if c.Devices, err = devicesOf(w, s); err != nil {
		return nil, err
	}
	if which != sandboxNative {
		c.Images = images(w.Sandboxes, place)
	}
	if which != sandboxDocker {
		if c.Sandbox, err = w.Sandboxes.Native(place); err != nil && c.Images == nil {
			return nil, err
		} else if err != nil {
			c.Sandbox = refusing{err}
		}
	}
	if self, err := os.Executable(); err == nil {
		c.JudgeCommand = []string{self, "judge"}
	}
	return executor.New(c)
}

// images returns the docker sandbox, which is looked for when a task needs it
// and until it was found.
func images(s Sandboxes, place Place) func(context.Context) (sandbox.Sandbox, error) {
	var mu sync.Mutex
	var found sandbox.Sandbox
	place.Attempt = true
	return func(ctx context.Context) (sandbox.Sandbox, error) {
		mu.Lock()
		defer mu.Unlock()
		if found != nil {
			return found, nil
		}
		box, err := s.Docker(ctx, place)
		if err != nil {
			return nil, err
		}
		found = box
		return found, nil
	}
}

// refusing is the sandbox of tasks that cannot run here, beside one for those
// that can.
type refusing struct{ err error }

func (r refusing) Start(context.Context, sandbox.Spec, sandbox.Streams) (sandbox.Running, error) {
	return nil, r.err
}

// loadProfile reads the profile that the settings name; nil is Flyte's own.
func loadProfile(v config.Value) (*resources.Profile, string, error) {
	if v.Text == "" {
		return nil, "", nil
	}
	data, err := os.ReadFile(v.Text)
	if err != nil {
		return nil, "", &userError{what: fmt.Sprintf("the profile %s (%s): %s", v.Text, v.Origin, reason(err)),
			remedy: "name a readable cluster.yaml with --profile", cause: err}
	}
	p, err := resources.ParseProfile(v.Text, data)
	if err != nil {
		return nil, "", &userError{what: err.Error(), cause: err}
	}
	return &p, v.Text, nil
}

// refuse ends a run for which nothing was prepared yet.
func refuse(w World, o runOptions, err error) error {
	survivePipes(w)
	file, openErr := openResult(o.Result)
	if openErr != nil {
		file = nil // the first fault is the one to tell
	}
	return finish(w, file, newPrinter(w, o), notStarted(err))
}

// notStarted is the Result of a task of which nothing was started: by a
// mistake of the person, or a failure of drydock's own.
func notStarted(err error) *executor.Result {
	r, _ := executor.NotStarted(refusal(err))
	if r.ID == "" {
		r.ID, _ = state.NewID() // every line of --json has one
	}
	return r
}

// finish tells the end to everybody: --result first, because the streams may
// be gone.
func finish(w World, file *resultFile, out printer, r *executor.Result) error {
	code := executor.ExitCode(r)
	document, err := executor.EventJSON(executor.Event{Type: executor.EventEnded, Time: r.EndedAt, ID: r.ID, Ended: r})
	if err == nil {
		err = file.write(append(document, '\n'))
	}
	out.ended(r)
	if err != nil {
		fmt.Fprintf(w.Stderr, "drydock: %v\n", err)
		if code == exitOK {
			code = exitFault // a script that relies on the file must not go on
		}
	}
	if code == exitOK {
		return nil
	}
	return codeError{code}
}
