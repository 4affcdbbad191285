// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/fanout"
	"drydock/internal/taskfile"
)

// tasks are what a command line stands for: one task, or those of a fan-out.
type tasks struct {
	fanout.Product
	alike bool // they differ in name and environment alone
	base  func(fanout.Point) (executor.Task, error)
	lay   func(*executor.Task) error
	first *executor.Task // what all begin with, when they are alike
}

// buildTasks makes the tasks of what was written: the command line, or a task
// of a file with the flags laid over it. Nothing is started, and everything
// that can be known to be wrong is refused here.
func buildTasks(w World, o runOptions, s *config.Settings, args []string) (*tasks, error) {
	var array []int
	if o.Given["array"] {
		var err error
		if array, err = fanout.ParseArray(o.Array); err != nil {
			return nil, flagged("--array", err)
		}
	}
	t, err := baseTasks(o, args, array)
	if err != nil {
		return nil, err
	}
	if !t.Many() {
		t.lay = func(task *executor.Task) error { return lay(w, o, s, task) }
		return t, checkSingle(o)
	}
	if err := checkMany(o); err != nil {
		return nil, err
	}
	if o, err = withEnvFiles(w, o); err != nil {
		return nil, err
	}
	t.lay = func(task *executor.Task) error { return lay(w, o, s, task) }
	return t, nil
}

// Task is task i, ready to run.
func (t *tasks) Task(i int) (executor.Task, error) {
	point := t.At(i)
	if t.alike && t.first != nil {
		task := *t.first
		point.Mark(&task)
		return task, nil
	}
	task, err := t.base(point)
	if err != nil {
		return task, err
	}
	if err := t.lay(&task); err != nil {
		return task, err
	}
	if t.alike {
		first := task
		t.first = &first
	}
	point.Mark(&task)
	return task, nil
}

// check makes every task that is not like the first, so that a mistake in the
// last of them is told before any begins. It returns the sandbox they need.
func (t *tasks) check() (sandbox string, err error) {
	n := t.Len()
	if t.alike {
		n = 1
	}
	for i := range n {
		task, err := t.Task(i)
		if err != nil {
			return "", err
		}
		switch needs := sandboxOf(task); sandbox {
		case "", needs:
			sandbox = needs
		default:
			sandbox = "auto"
		}
	}
	return sandbox, nil
}

// baseTasks are the command of the command line or a task of the file.
func baseTasks(o runOptions, args []string, array []int) (*tasks, error) {
	if o.File != "" {
		return tasksOfFile(o, args, array)
	}
	if len(o.Override) > 0 {
		return nil, usagef("add -f FILE NAME, or write --memory and its like",
			"--override changes a task of a task file, but there is no -f")
	}
	task := executor.Task{Name: o.Name, Command: args}
	if task.Name == "" {
		task.Name = taskName(o, args)
	}
	switch {
	case o.Given["image"]: // it has a command of its own
	case len(args) == 0:
		return nil, usagef("drydock run --memory 512Mi -- python3 train.py", "no command to run")
	case args[0] == "":
		return nil, usagef("the first word after -- is the program", "the command is an empty word")
	}
	return &tasks{Product: fanout.Product{Array: array}, alike: true,
		base: func(fanout.Point) (executor.Task, error) { return task, nil }}, nil
}

// taskName is the program's name, or the image's where it says what runs.
func taskName(o runOptions, args []string) string {
	switch {
	case o.Entrypoint != "":
		return path.Base(o.Entrypoint)
	case len(args) > 0:
		return filepath.Base(args[0])
	}
	name, _, _ := strings.Cut(path.Base(o.Image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

func tasksOfFile(o runOptions, args []string, array []int) (*tasks, error) {
	file, err := taskfile.Load(o.File)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("name an existing file with -f", "the task file %s does not exist", o.File)
		}
		return nil, &userError{what: err.Error(), cause: err}
	}
	switch {
	case len(args) == 0:
		return nil, usagef("tasks: "+strings.Join(file.Names(), ", "), "-f %s needs the name of a task", o.File)
	case len(args) > 1:
		return nil, usagef("drydock run -f "+o.File+" "+args[0],
			"-f %s runs one task, but there is %q after its name", o.File, args[len(args)-1])
	}
	all, err := file.Tasks(args[0], array)
	if err != nil {
		return nil, &userError{what: err.Error(), cause: err}
	}
	base := func(p fanout.Point) (executor.Task, error) {
		task, err := all.Make(p)
		if err != nil {
			return task, &userError{what: err.Error(), cause: err}
		}
		if o.Name != "" {
			task.Name = o.Name
		}
		return task, nil
	}
	return &tasks{Product: all.Product, alike: all.Alike(), base: base}, nil
}

// checkSingle refuses flags that only many tasks have a use for.
func checkSingle(o runOptions) error {
	for _, flag := range []string{"max-parallel", "max-failures", "tag"} {
		if o.Given[flag] {
			return usagef("add --array 0-9, or a matrix or array to the task file; or leave it out",
				"--%s is for many tasks, and this is one", flag)
		}
	}
	return nil
}

// checkMany refuses what only one task can have.
func checkMany(o runOptions) error {
	switch {
	case o.TTY:
		return usagef("leave -t out", "-t gives one task the terminal, and these are many")
	case o.Report != "":
		return usagef("leave --report out, and see one with drydock report ID", "--report is about one task, and these are many")
	case o.MaxParallel < 0, o.Given["max-parallel"] && o.MaxParallel == 0:
		return usagef("accepted: 1 or more", "--max-parallel %d", o.MaxParallel)
	case o.MaxFailures < 0, o.Given["max-failures"] && o.MaxFailures == 0:
		return usagef("accepted: 1 or more", "--max-failures %d", o.MaxFailures)
	}
	return nil
}

// withEnvFiles reads the files of --env-file once for all: one may be a pipe.
func withEnvFiles(w World, o runOptions) (runOptions, error) {
	env := map[string]string{}
	for _, file := range o.EnvFile {
		if err := readEnvFile(w, file, env); err != nil {
			return o, err
		}
	}
	var set words
	for name, value := range env {
		set = append(set, name+"="+value)
	}
	o.EnvFile, o.Env = nil, append(set, o.Env...) // in one another's order: a flag beats a file
	return o, nil
}
