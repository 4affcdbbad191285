// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/options"
	"drydock/resources"
	"drydock/sandbox"
)

// lay lays the flags over a task and refuses what is known to be wrong. Nothing
// is started.
func lay(w World, o runOptions, s *config.Settings, t *executor.Task) error {
	steps := []func(World, runOptions, *config.Settings, *executor.Task) error{
		applyImage, applyResources, applyDisk, applyEnding, applyEnvironment, applyView, applyWorkDir, applyTerminal,
	}
	for _, step := range steps {
		if err := step(w, o, s, t); err != nil {
			return err
		}
	}
	return nil
}

// flagged names the flag in the error of its value.
func flagged(flag string, err error) error {
	if err == nil {
		return nil
	}
	return &userError{what: flag + ": " + err.Error(), cause: err}
}

func applyResources(_ World, o runOptions, _ *config.Settings, t *executor.Task) error {
	for flag, value := range map[string]string{"cpu": o.CPU, "memory": o.Memory, "gpu": o.GPU, "disk": o.Disk, "shm": o.Shm} {
		if o.Given[flag] && strings.TrimSpace(value) == "" { // an unset variable of a shell
			return usagef("give a value, or leave the flag out", "--%s is empty", flag)
		}
	}
	written, _, err := resources.ParseFlags(resources.Flags{CPU: o.CPU, Memory: o.Memory, GPU: o.GPU, Disk: o.Disk, Shm: o.Shm})
	if err != nil {
		return &userError{what: err.Error(), cause: err}
	}
	if o.File == "" {
		t.Resources = written
		return nil
	}
	over, err := overrides(o.Override)
	if err != nil {
		return err
	}
	flags := changes{written, o.GPU == "0"}
	if flags.isZero() && over.isZero() {
		return nil
	}
	*t = over.on(flags.on(*t))
	return nil
}

func taskResources(t executor.Task) resources.Resources {
	if t.Resources.IsZero() && t.Environment != nil {
		return t.Environment.Resources
	}
	return t.Resources
}

// overrides reads --override KEY=VALUE. The SDK's .override(resources=…)
// replaces all resources; here each key changes its own and the rest stays.
func overrides(words []string) (changes, error) {
	var f resources.Flags
	fields := map[string]*string{"cpu": &f.CPU, "memory": &f.Memory, "gpu": &f.GPU, "disk": &f.Disk, "shm": &f.Shm}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		to := fields[key]
		if !ok || to == nil || value == "" {
			return changes{}, usagef("accepted: cpu=…, memory=…, shm=…, disk=…, gpu=…", "--override %s is not KEY=VALUE of a resource", word)
		}
		*to = value
	}
	r, _, err := resources.ParseFlags(f)
	if err != nil {
		return changes{}, &userError{what: "--override: " + err.Error(), cause: err}
	}
	return changes{r, f.GPU == "0"}, nil
}

// applyEnding sets when the task ends and whether it runs again. A flag beats
// the task file, which beats the environment and config.yaml.
func applyEnding(_ World, o runOptions, s *config.Settings, t *executor.Task) error {
	if o.Given["timeout"] {
		d, err := options.Timeout(o.Timeout)
		if err != nil {
			return flagged("--timeout", err)
		}
		t.Timeout = d
	}
	if o.Given["retries"] {
		n, err := options.Retries(o.Retries)
		if err != nil {
			return flagged("--retries", err)
		}
		t.Retries.Count = n
	}
	if v := s.Get("grace"); t.Grace == 0 || v.Origin.Kind == config.FromFlag {
		d, err := options.Grace(v.Text)
		if err != nil {
			return flagged(v.Origin.String(), err)
		}
		t.Grace = d
	}
	if v := s.Get("oom_retry"); t.OOMRetry == nil || v.Origin.Kind == config.FromFlag {
		r, err := options.OOMRetry(v.Text)
		if err != nil {
			return flagged(v.Origin.String(), err)
		}
		t.OOMRetry = r
	}
	if v := s.Get("child_oom"); t.ChildOOM == "" || v.Origin.Kind == config.FromFlag {
		t.ChildOOM = executor.ChildOOM(v.Text)
	}
	return nil
}

func applyEnvironment(w World, o runOptions, _ *config.Settings, t *executor.Task) error {
	env := maps.Clone(t.Env)
	if env == nil {
		env = map[string]string{}
	}
	for _, file := range o.EnvFile {
		if err := readEnvFile(w, file, env); err != nil {
			return err
		}
	}
	for _, word := range o.Env {
		if err := setVariable(w, env, word); err != nil {
			return flagged("--env", err)
		}
	}
	if len(env) > 0 {
		t.Env = env
	}
	t.CleanEnv = t.CleanEnv || o.CleanEnv
	return nil
}

// setVariable sets NAME=VALUE, or takes NAME over from drydock's own environment.
func setVariable(w World, env map[string]string, word string) error {
	name, value, given := strings.Cut(word, "=")
	if err := options.VariableName(name); err != nil {
		return err
	}
	if !given {
		if value, given = w.env(name); !given {
			return nil // docker's rule: a variable that is not set stays so
		}
	}
	env[name] = value
	return nil
}

// readEnvFile reads lines of NAME=VALUE; empty lines and those that begin with
// # are skipped, quotes mean nothing.
func readEnvFile(w World, path string, env map[string]string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return &userError{what: "--env-file: " + err.Error(), remedy: "name a readable file of NAME=VALUE lines", cause: err}
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if trimmed := strings.TrimLeft(line, " \t"); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if err := setVariable(w, env, strings.TrimLeft(line, " \t")); err != nil {
			return &userError{what: fmt.Sprintf("%s:%d: %v", path, i+1, err), cause: err}
		}
	}
	return nil
}

func applyView(w World, o runOptions, s *config.Settings, t *executor.Task) error {
	t.ReadOnly = t.ReadOnly || o.ReadOnly
	if o.Given["user"] {
		if o.User == "" {
			return usagef("accepted: a name, UID or UID:GID", "--user is empty")
		}
		t.User = o.User
	}
	if v := s.Get("network"); t.Network == "" || v.Origin.Kind == config.FromFlag {
		n, err := options.Network(v.Text)
		if err != nil {
			return flagged(v.Origin.String(), err)
		}
		t.Network = n
	}
	for _, word := range o.Volumes {
		dir, err := w.Dir()
		if err != nil && !filepath.IsAbs(word) {
			return goneDir(err)
		}
		m, err := options.Volume(word, dir)
		if err != nil {
			return flagged("-v", err)
		}
		t.Mounts = append(t.Mounts, m)
	}
	if imageOf(*t) != "" {
		return nil // paths of the engine's machine, which may be another: the sandbox looks at them
	}
	for _, m := range t.Mounts {
		if _, err := os.Stat(m.Source); err != nil {
			return &userError{what: fmt.Sprintf("-v %s:%s: %s", m.Source, m.Target, reason(err)), remedy: "create it or name an existing path", cause: err}
		}
	}
	return nil
}

// reason is an error without the path that the sentence already has.
func reason(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "no permission to look at it"
	case errors.As(err, &p):
		return p.Err.Error()
	}
	return err.Error()
}

func goneDir(err error) error {
	return &userError{what: "the working directory no longer exists", remedy: "cd to one that does, or name one with -w DIR", cause: err}
}

// applyWorkDir finds the working directory: an existing one of this machine, or
// one below a -v target.
func applyWorkDir(w World, o runOptions, _ *config.Settings, t *executor.Task) error {
	if o.Given["workdir"] && o.WorkDir == "" {
		return usagef("accepted: an existing directory", "-w is empty")
	}
	if imageOf(*t) != "" {
		return applyImageWorkDir(o, t)
	}
	dir := o.WorkDir
	if dir == "" {
		dir = t.WorkDir
	}
	if dir == "" && t.Environment != nil {
		dir = t.Environment.WorkDir
	}
	here, err := w.Dir()
	if err != nil && (dir == "" || !filepath.IsAbs(dir)) {
		return goneDir(err)
	}
	if dir == "" {
		dir = here
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(here, dir)
	}
	t.WorkDir = filepath.Clean(dir)
	if belowTarget(t.WorkDir, t.Mounts) {
		return nil
	}
	info, err := os.Stat(t.WorkDir)
	if err != nil {
		return &userError{what: fmt.Sprintf("the working directory %s: %s", t.WorkDir, reason(err)), remedy: "create it or name another with -w DIR", cause: err}
	}
	if !info.IsDir() {
		return usagef("name a directory with -w DIR", "the working directory %s is no directory", t.WorkDir)
	}
	return nil
}

func belowTarget(dir string, mounts []sandbox.Mount) bool {
	for _, m := range mounts {
		if dir == m.Target || strings.HasPrefix(dir, m.Target+"/") {
			return true
		}
	}
	return false
}
