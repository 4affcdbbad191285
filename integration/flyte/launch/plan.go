// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
	"drydock/sandbox"
)

// plan is an order as the executor takes it.
type plan struct {
	task   executor.Task
	notes  []string // what a user should know about it
	python bool     // the program is the SDK's own
}

// wanted is what an order asks for, as far as it means the same in every
// sandbox.
type wanted struct {
	target
	why     string // that sandbox and no other
	secrets map[string]string
	files   []sandbox.Mount // that hold secrets
}

// plan turns an order into a task. An error means that nothing can be started.
func (l *Launcher) plan(ctx context.Context, o engine.Order) (plan, error) {
	t := o.Action.Task.GetSpec().GetTaskTemplate()
	name := t.GetId().GetName()
	target, err := l.targetOf(t)
	if err != nil {
		return plan{}, err
	}
	asked, ignored, err := ask(name, target)
	if err != nil {
		return plan{}, err
	}
	target.notes = slices.Concat(target.notes, ignored)
	want := wanted{target: target}
	if want.secrets, want.files, err = l.secrets(name, t.GetSecurityContext()); err != nil {
		return plan{}, err
	}
	p := plan{task: executor.Task{
		Name: name, Resources: asked, CleanEnv: true,
		Timeout: o.Timeout, Grace: cmp.Or(want.grace, l.c.Grace), KillDeaf: want.grace == 0,
	}}
	var inImage bool
	if want.why, inImage = l.imageOf(target); inImage {
		err = l.planImage(ctx, o, want, &p)
	} else {
		err = l.planNative(ctx, o, want, &p)
	}
	if err != nil {
		return plan{}, err
	}
	return p, nil
}

// planNative plans a task for this machine's own root file system.
func (l *Launcher) planNative(ctx context.Context, o engine.Order, want wanted, to *plan) error {
	t := o.Action.Task.GetSpec().GetTaskTemplate()
	p, err := l.c.Python()
	switch {
	case errors.Is(err, context.Canceled): // drydock is going
		return err
	case err != nil:
		return unable(codePython, "%v", err)
	}
	command, err := l.command(ctx, o, want.argv())
	if err != nil {
		return err
	}
	mounts := append(p.Mounts(), want.files...)
	dir := workDir(mounts)
	env, dropped := l.environ(o, want.target, p, want.secrets, dir)
	if err := checkPrograms(to.task.Name, command, env); err != nil {
		return err
	}
	to.notes = slices.Concat([]string{describe(want.image, want.why, p)}, want.notes, dropped, doubts(o, t, want.target, p))
	to.python = isA0(command)
	to.task.Command, to.task.Env, to.task.Scratch, to.task.Mounts, to.task.Hide = command, env, dir, mounts, l.hide()
	return nil
}

// describe is the note about the image that is not used.
func describe(image, why string, p python.Python) string {
	what := fmt.Sprintf("tasks run on this machine's own root file system with Python %s and flyte %s at %s", p.Version, p.SDK, p.Prefix)
	if image != "" {
		what = fmt.Sprintf("image %s is not used: %s", image, what)
	}
	return fmt.Sprintf("sandbox native (%s): %s", why, what)
}

// hide keeps the secrets of all from tasks that asked for one of them, or none.
func (l *Launcher) hide() []string {
	if l.c.SecretsDir == "" {
		return nil
	}
	return []string{l.c.SecretsDir}
}

// command fills in a command's templates.
func (l *Launcher) command(ctx context.Context, o engine.Order, words []string) ([]string, error) {
	if len(words) == 0 {
		return nil, nil // not an empty one, which would take an image's away
	}
	v := values{objects: l.c.Objects, o: o}
	filled, err := substitute(words, func(name, field string) (string, bool, error) { return v.value(ctx, name, field) })
	switch {
	case errors.Is(err, errStorage):
		return nil, err
	case err != nil:
		return nil, refuse(codeBadTask, "the command of task %s cannot be filled in: %v; correct its templates", o.Action.Task.GetSpec().GetTaskTemplate().GetId().GetName(), err)
	}
	return filled, nil
}

// isA0 reports whether a command is the SDK's own program.
func isA0(command []string) bool { return len(command) > 0 && filepath.Base(command[0]) == "a0" }

// runsPython reports the same of a task template.
func runsPython(t *core.TaskTemplate) bool {
	want, err := readTarget(t)
	return err == nil && isA0(want.argv())
}

// workDir is where a task runs, and where its code is unpacked: a place that
// no mount lies in or holds. It is below /tmp because there even a sandbox
// without a private layer can make a directory.
func workDir(mounts []sandbox.Mount) string {
	const usual = "/tmp/flyte"
	dir := usual
	for i := 2; slices.ContainsFunc(mounts, func(m sandbox.Mount) bool { return within(m.Target, dir) || within(dir, m.Target) }); i++ {
		dir = fmt.Sprintf("%s-%d", usual, i)
	}
	return dir
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// checkPrograms refuses a task whose code could not be unpacked: the SDK runs
// tar for that, and would only say so in a traceback.
func checkPrograms(task string, command []string, env map[string]string) error {
	if !isA0(command) || !slices.Contains(command, "--tgz") {
		return nil
	}
	for _, dir := range strings.Split(env["PATH"], ":") {
		if info, err := os.Stat(filepath.Join(dir, "tar")); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return nil
		}
	}
	return unable(codeProgram, "the code of task %s cannot be unpacked: there is no program tar in %s; install it (apt-get install tar)", task, env["PATH"])
}

// doubts are what may go wrong with a task that is run all the same.
func doubts(o engine.Order, t *core.TaskTemplate, want target, p python.Python) []string {
	var notes []string
	if r := t.GetMetadata().GetRuntime(); r.GetType() == core.RuntimeMetadata_FLYTE_SDK {
		if err := p.SameMinor(r.GetVersion()); err != nil {
			notes = append(notes, err.Error())
		}
	}
	if theirs := imagePython(want.image); theirs != "" && slices.Contains(want.args, "--pkl") && !strings.HasPrefix(p.Version+".", theirs+".") {
		notes = append(notes, fmt.Sprintf("its code was pickled by Python %s and is read by Python %s, which may not work; run drydock with the client's Python (--python)", theirs, p.Version))
	}
	return append(notes, foreignStorage(o)...)
}

// foreignStorage is what may go wrong with large data that is to lie elsewhere.
func foreignStorage(o engine.Order) []string {
	raw := o.Run.Spec.GetRawDataStorage().GetRawDataPrefix()
	if _, err := objects.ParseURI(join(raw, "x")); strings.HasPrefix(raw, "s3://") && err != nil {
		return []string{fmt.Sprintf("its large data goes to %s, but every s3:// address leads to drydock's own storage here, which has one bucket, %s; leave raw_data_path out", raw, objects.Bucket)}
	}
	return nil
}

// officialImage is a default image of the SDK, which names the client's Python.
var officialImage = regexp.MustCompile(`:py(3\.\d+)-`)

func imagePython(image string) string {
	if m := officialImage.FindStringSubmatch(image); m != nil {
		return m[1]
	}
	return ""
}
