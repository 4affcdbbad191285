// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/options"
)

// The words of --sandbox.
const (
	sandboxNative = "native"
	sandboxDocker = "docker"
)

// imageOf is the task's image; "": it has none.
func imageOf(t executor.Task) string {
	if t.Image == "" && t.Environment != nil {
		return t.Environment.Image
	}
	return t.Image
}

// sandboxOf is the sandbox that the task needs.
func sandboxOf(t executor.Task) string {
	if imageOf(t) != "" {
		return sandboxDocker
	}
	return sandboxNative
}

// applyImage sets the image and what belongs to it.
func applyImage(_ World, o runOptions, s *config.Settings, t *executor.Task) error {
	steps := []struct {
		flag  string
		apply func() error
	}{
		{"image", func() (err error) { t.Image, err = options.Image(o.Image); return }},
		{"pull", func() (err error) { t.Pull, err = options.Pull(o.Pull); return }},
		{"platform", func() (err error) { t.Platform, err = options.Platform(o.Platform); return }},
		{"entrypoint", func() (err error) { t.Entrypoint, err = options.Entrypoint(o.Entrypoint); return }},
		{"add-host", func() error { return addHosts(o.AddHosts, t) }},
	}
	for _, step := range steps {
		if !o.Given[step.flag] {
			continue
		}
		if err := step.apply(); err != nil {
			return flagged("--"+step.flag, err)
		}
		if imageOf(*t) == "" {
			return usagef("name one with --image, or leave that out", "--%s is about an image, and there is none", step.flag)
		}
	}
	return checkSandbox(s.Get("sandbox"), *t)
}

func addHosts(hosts words, t *executor.Task) error {
	for _, word := range hosts {
		host, err := options.Host(word)
		if err != nil {
			return err
		}
		t.Hosts = append(t.Hosts, host)
	}
	return nil
}

// checkSandbox refuses a sandbox that cannot run the task.
func checkSandbox(v config.Value, t executor.Task) error {
	image := imageOf(t)
	switch {
	case v.Text == sandboxDocker && image == "":
		return usagef("name one with --image, or take --sandbox native: this machine's own root file system needs no engine",
			"%s: docker runs a task in a container image, and there is none", v.Origin)
	case v.Text == sandboxNative && image != "":
		return usagef("leave it out, and a container engine runs the image",
			"%s: native runs a task on this machine's own root file system, not in image %s", v.Origin, image)
	}
	return nil
}

// applyImageWorkDir takes -w as docker run does: a path inside.
func applyImageWorkDir(o runOptions, t *executor.Task) error {
	if o.WorkDir != "" {
		t.WorkDir = o.WorkDir
	}
	if t.WorkDir != "" && !path.IsAbs(t.WorkDir) {
		return usagef(`give an absolute one; -v "$PWD":/work -w /work brings this directory along`,
			"the working directory %s: with an image it is a path inside", t.WorkDir)
	}
	return nil
}
