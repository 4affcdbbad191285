// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"path/filepath"

	"gopkg.in/yaml.v3"

	"drydock/executor"
	"drydock/internal/options"
)

// anyImage is an image's reference, or empty for the host's own root file system.
func anyImage(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return options.Image(s)
}

// later keeps a value that is read when the other keys are known.
func (d decoder) later(to **yaml.Node) field {
	return func(v *yaml.Node) error { *to = v; return nil }
}

// workDir reads a working directory: a path of this machine, relative to the
// file, or with an image an absolute one inside. A nil node is none.
func (d decoder) workDir(v *yaml.Node, image string) (string, error) {
	if v == nil {
		return "", nil
	}
	var dir string
	if err := d.text(&dir)(v); err != nil {
		return "", err
	}
	switch {
	case filepath.IsAbs(dir):
		return dir, nil
	case image != "":
		return "", d.fault(v, "the working directory %q is relative; with an image it is an absolute path inside", dir)
	}
	abs, err := filepath.Abs(filepath.Join(d.dir, dir))
	if err != nil {
		return "", d.fault(v, "%v", err)
	}
	return abs, nil
}

// place checks what a task says about where it runs, once all of it is known.
func (d decoder) place(key, dir *yaml.Node, t *executor.Task) error {
	image := t.Image
	if e := t.Environment; e != nil && image == "" {
		image = e.Image
	}
	var err error
	if t.WorkDir, err = d.workDir(dir, image); err != nil {
		return err
	}
	switch {
	case image == "" && len(t.Command) == 0:
		return d.fault(key, "task %s has no command; write command: [python3, train.py]", key.Value)
	case image == "" && (t.Entrypoint != nil || t.Pull != "" || t.Platform != "" || t.Hosts != nil):
		return d.fault(key, "task %s has no image; entrypoint, pull, platform and add_hosts need one", key.Value)
	case image != "" && t.WorkDir == "" && t.Environment != nil && t.Environment.Image == "" && t.Environment.WorkDir != "":
		return d.fault(key, "task %s has an image, and environment %s a working directory of this machine; give the task a workdir of its own, inside the image",
			key.Value, t.Environment.Name)
	}
	return nil
}

// hosts is a list of NAME:ADDRESS.
func (d decoder) hosts(to *[]string) field {
	return func(v *yaml.Node) error {
		if v.Kind != yaml.SequenceNode {
			return d.fault(v, "add_hosts is a list: [\"db:10.0.0.7\"]")
		}
		for _, item := range v.Content {
			var host string
			if err := parsed(d, &host, options.Host)(resolve(item)); err != nil {
				return err
			}
			*to = append(*to, host)
		}
		return nil
	}
}
