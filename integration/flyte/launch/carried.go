// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/launch/copilot"
	"drydock/sandbox"
)

// The parts of an attempt's own directory of files.
const (
	carriedSecrets = "secrets"
	carriedInputs  = "inputs"
	carriedOutputs = "outputs"
)

// carry makes the files that an attempt in an image needs on this machine, and
// returns the mounts that show them. Everybody inside can read them, as in a
// pod's volumes: the image's user is nobody here. On this machine the directory
// above keeps others out.
func (l *Launcher) carry(ctx context.Context, o engine.Order, secrets []sandbox.Mount) ([]sandbox.Mount, error) {
	t := o.Action.Task.GetSpec().GetTaskTemplate()
	raw := isRaw(t) && t.GetContainer().GetDataConfig().GetEnabled()
	if len(secrets) == 0 && !raw {
		return nil, nil
	}
	if why := l.c.Images.Apart; why != "" {
		return nil, unable(codeEngine, "task %s needs files of this machine inside its container, and the engine does not see them (%s); use an engine on this machine, or drydock up --native", t.GetId().GetName(), why)
	}
	dir := l.filesOf(o.TaskID)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	mounts, err := copySecrets(filepath.Join(dir, carriedSecrets), secrets)
	if err != nil || !raw {
		return mounts, err
	}
	data, err := l.layOut(ctx, o, dir, t.GetContainer().GetDataConfig())
	return append(mounts, data...), err
}

// filesOf is the directory of an attempt's files.
func (l *Launcher) filesOf(taskID string) string { return filepath.Join(l.c.Images.Dir, taskID) }

// dropFiles removes an attempt's files, of which nothing is needed any more.
func (l *Launcher) dropFiles(taskID string) {
	if l.c.Images != nil && taskID != "" {
		_ = os.RemoveAll(l.filesOf(taskID)) // the next server tries again
	}
}

// copySecrets copies files that only their owner can read, for a user inside
// who is another one.
func copySecrets(dir string, files []sandbox.Mount) ([]sandbox.Mount, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	var mounts []sandbox.Mount
	for i, m := range files {
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := copyFile(name, m.Source); err != nil {
			return nil, err
		}
		mounts = append(mounts, sandbox.Mount{Source: name, Target: m.Target, ReadOnly: true})
	}
	return mounts, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o444), out.Close()) // whatever the umask is
}

// layOut writes a raw container's inputs down and makes room for its outputs.
func (l *Launcher) layOut(ctx context.Context, o engine.Order, dir string, c *core.DataLoadingConfig) ([]sandbox.Mount, error) {
	name := o.Action.Task.GetSpec().GetTaskTemplate().GetId().GetName()
	in, out := cmp.Or(c.GetInputPath(), copilot.DefaultInputPath), cmp.Or(c.GetOutputPath(), copilot.DefaultOutputPath)
	mounts := []sandbox.Mount{{Source: filepath.Join(dir, carriedInputs), Target: in}, {Source: filepath.Join(dir, carriedOutputs), Target: out}}
	for _, m := range mounts {
		if !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) == "/" {
			return nil, refuse(codeBadTask, "task %s wants its data at %q; name absolute directories as input_data_dir and output_data_dir", name, m.Target)
		}
		if err := errors.Join(os.Mkdir(m.Source, 0o700), os.Chmod(m.Source, 0o777)); err != nil {
			return nil, err
		}
	}
	v := values{objects: l.c.Objects, o: o}
	inputs, err := v.readInputs(ctx)
	if err != nil {
		return nil, err
	}
	err = copilot.LayInputs(ctx, l.c.Images.Files, inputs, c, mounts[0].Source, in)
	if bad, ok := errors.AsType[*copilot.InputError](err); ok {
		return nil, refuse(codeBadTask, "the inputs of task %s cannot be laid out as files: %v", name, bad)
	}
	if err != nil {
		return nil, fmt.Errorf("lay out the inputs: %w", err)
	}
	return mounts, nil
}
