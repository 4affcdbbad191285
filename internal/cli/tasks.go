// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/history"
	"drydock/sandbox"
)

// taskCommands are those about tasks that exist already. Each has a file.
func taskCommands(w World) []*cli.Command {
	return []*cli.Command{
		newPsCommand(w), newTopCommand(w), newLogsCommand(w), newInspectCommand(w), newStopCommand(w), newKillCommand(w),
		newWaitCommand(w), newAttachCommand(w), newRerunCommand(w), newPruneCommand(w), newDevicesCommand(w),
	}
}

func taskPages() map[string]page {
	return map[string]page{
		"ps": psPage, "top": topPage, "logs": logsPage, "inspect": inspectPage, "stop": stopPage, "kill": killPage,
		"wait": waitPage, "attach": attachPage, "rerun": rerunPage, "prune": prunePage, "devices": devicesPage,
	}
}

// whichTasks is what the help of these commands says about words for tasks.
const whichTasks = `ID is what drydock run prints at its start, or its first letters; last is the newest task.
Tasks are those of this state directory (--state-dir): another user's lie elsewhere.`

// deskOptions are the flags that these commands share.
type deskOptions struct {
	JSON             bool
	StateDir, Config string
	Given            map[string]bool
}

func deskFlags(o *deskOptions, own ...cli.Flag) []cli.Flag {
	return append(own, jsonFlag(&o.JSON), stateDirFlag(&o.StateDir), configFlag(&o.Config))
}

// desk is a state directory at hand.
type desk struct {
	w        World
	settings *config.Settings
	stateDir string
	json     bool
	quiet    bool           // it works beside a command, which has the word
	index    *history.Index // nil until openIndex
	// executor adopts tasks; it is made when one needs it.
	executor func() (*executor.Executor, error)
}

func openDesk(w World, o deskOptions) (*desk, error) {
	survivePipes(w)
	settings, err := loadSettings(w, o.Config, stateDirSetting(o.Given["state-dir"], o.StateDir))
	if err != nil {
		return nil, err
	}
	d := &desk{w: w, settings: settings, stateDir: settings.Get("state_dir").Text, json: o.JSON}
	d.executor = sync.OnceValues(func() (*executor.Executor, error) {
		return newExecutor(w, settings, newTextPrinter(w, true))
	})
	return d, nil
}

// openIndex opens the history. A directory that is not there yet has none,
// and is not made by looking: the index is nil then.
func (d *desk) openIndex(ctx context.Context) (*history.Index, error) {
	if d.index != nil {
		return d.index, nil
	}
	if _, err := os.Stat(d.stateDir); os.IsNotExist(err) {
		return nil, nil
	}
	x, err := history.Open(ctx, d.stateDir, d.alive)
	if err != nil {
		return nil, err
	}
	d.index = x
	return x, nil
}

// close ends the use of the history and tells what was wrong with it.
func (d *desk) close() {
	if d.index == nil {
		return
	}
	for _, warning := range d.index.Warnings() {
		fmt.Fprintf(d.w.Stderr, "drydock: %s\n", warning)
	}
	if err := d.index.Close(); err != nil {
		fmt.Fprintf(d.w.Stderr, "drydock: close the history: %v\n", err)
	}
}

// alive reports whether the supervisor of the attempt in a directory lives.
func (d *desk) alive(dir string) bool {
	alive := aliveIn(d.w, d.settings)
	return alive != nil && alive(dir)
}

// tasks finds the tasks that words mean, each once and in their order.
func (d *desk) tasks(words []string) ([]string, error) {
	if len(words) == 0 {
		return nil, usagef("drydock ps -a lists them; last is the newest", "name a task")
	}
	var ids []string
	seen := map[string]bool{}
	for _, word := range words {
		if word == "" {
			return nil, usagef("drydock ps -a lists them", "a task's id is empty")
		}
		id, err := findTask(d.stateDir, word)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// oneTask finds the one task that a command is about.
func (d *desk) oneTask(words []string) (string, error) {
	if len(words) > 1 {
		return "", usagef("name one", "it takes one task, but got %d", len(words))
	}
	ids, err := d.tasks(words)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// read reads how a task stands.
func (d *desk) read(ctx context.Context, id string) (history.Task, error) {
	x, err := d.openIndex(ctx)
	if err != nil {
		return history.Task{}, err
	}
	return x.Read(id)
}

// attacher is the sandbox that can follow the attempts of a task that another
// process started. Its image decides, as when it was started.
func (d *desk) attacher(ctx context.Context, image string) (sandbox.Attacher, error) {
	var s sandbox.Sandbox
	var err error
	if place := placeOf(d.settings); image == "" {
		s, err = d.w.Sandboxes.Native(place)
	} else {
		s, err = d.w.Sandboxes.Docker(ctx, place)
	}
	if err != nil {
		return nil, err
	}
	a, ok := s.(sandbox.Attacher)
	if !ok {
		return nil, errors.New("this sandbox cannot follow what another process started")
	}
	return a, nil
}

// untilSignal returns a context that the first Ctrl-C (or its like) ends, with
// an executor.SignalCause. It ends the command alone: no task is stopped by it.
func untilSignal(ctx context.Context, w World) (context.Context, func()) {
	ctx, signals := watchSignals(ctx, w, func(bool, string) {})
	return ctx, signals.stop
}

// interrupted is the exit code of a command that a signal ended.
func interrupted(ctx context.Context) error {
	var cause executor.SignalCause
	if errors.As(context.Cause(ctx), &cause) && cause.Signal == "SIGINT" {
		return codeError{executor.ExitInterrupt}
	}
	return codeError{executor.ExitTerminate}
}
