// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"drydock/resources"
	"drydock/sandbox"
)

// complete returns the task with what its environment gives it, and with
// paths that no longer depend on this process. What can never run is a
// *RefusedError.
func (t Task) complete() (Task, error) {
	if err := t.check(); err != nil {
		return t, err
	}
	if e := t.Environment; e != nil {
		if t.Resources.IsZero() && !t.overridden {
			t.Resources = e.Resources
		}
		if t.Image == "" {
			t.Image = e.Image
		}
		if t.WorkDir == "" {
			t.WorkDir = e.WorkDir
		}
		env := maps.Clone(e.Env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, t.Env)
		t.Env = env
	}
	if t.Scratch != "" {
		t.Scratch = filepath.Clean(t.Scratch)
	}
	if err := t.checkImage(); err != nil || t.Image != "" {
		return t, err // the image's own working directory is the sandbox's to know
	}
	if t.WorkDir == "" && t.Scratch != "" {
		t.WorkDir = t.Scratch
	}
	dir, err := filepath.Abs(t.WorkDir) // of "": the current directory
	if err != nil {
		return t, refuse(err, "change to another directory, or name one with -w", "the current directory is gone")
	}
	t.WorkDir = dir
	return t, nil
}

// check refuses what no sandbox could run.
func (t Task) check() error {
	switch {
	case t.Timeout < 0:
		return refuse(nil, "leave it out for no timeout", "the timeout %s is negative", t.Timeout)
	case t.Retries.Count < 0 || t.Retries.Backoff < 0:
		return refuse(nil, "leave them out for none", "the number of retries, or the time before them, is negative")
	case t.ChildOOM != "" && t.ChildOOM != ChildOOMFail && t.ChildOOM != ChildOOMWarn:
		return refuse(nil, "use fail or warn", "%q does not say what a child's out-of-memory means", string(t.ChildOOM))
	}
	if e := t.DiskEnforce; e != "" && e != sandbox.DiskEvict && e != sandbox.DiskHard {
		return refuse(nil, "use evict or hard", "%q does not say how a limit on the disk is held", string(e))
	}
	if s := t.Scratch; s != "" && (!filepath.IsAbs(s) || filepath.Clean(s) == "/" || strings.ContainsRune(s, 0)) {
		return refuse(nil, "name a directory such as /tmp/work", "the scratch directory %q is not an absolute path below /", s)
	}
	for _, word := range slices.Concat(t.Entrypoint, t.Command) {
		if strings.ContainsRune(word, 0) {
			return refuse(nil, "leave it out: no program can be given one", "a word of the command holds a NUL byte")
		}
	}
	return t.OOMRetry.check()
}

// checkImage refuses what does not go together with an image, or without one.
// The environment's image is the task's by now.
func (t Task) checkImage() error {
	const name = "name an image, or leave that out"
	if t.Image != "" {
		if t.WorkDir != "" && !path.IsAbs(t.WorkDir) {
			return refuse(nil, "give an absolute path, which is looked up in the image", "the working directory %q is relative", t.WorkDir)
		}
		return nil
	}
	switch {
	case len(t.Command) == 0:
		return refuse(nil, "write it after --: drydock run --memory 1Gi -- python3 train.py", "there is no command to run")
	case t.Command[0] == "":
		return refuse(nil, "name the program to run", "the command's first word is empty")
	case len(t.Entrypoint) > 0:
		return refuse(nil, name, "an entrypoint is an image's, and there is none")
	case t.Pull != "":
		return refuse(nil, name, "there is a pull policy and no image to pull")
	case t.Platform != "":
		return refuse(nil, name, "the platform %s is an image's, and there is none", t.Platform)
	case len(t.Hosts) > 0:
		return refuse(nil, name, "without an image the host's own /etc/hosts counts, and no line is added")
	case t.Network == sandbox.NetworkBridge:
		return refuse(nil, "use host or none, or name an image", "a bridge network is a container engine's, and there is no image")
	}
	return nil
}

func (r *OOMRetry) check() error {
	if r == nil {
		return nil
	}
	switch {
	case r.Factor != 0 && !(r.Factor > 1) || math.IsInf(r.Factor, 0):
		return refuse(nil, "use 2 to double the memory each time", "an OOM retry's factor of %v does not give more memory", r.Factor)
	case r.Max < 0 || r.Attempts < 0:
		return refuse(nil, "leave them out for the defaults", "an OOM retry's largest memory or number of attempts is negative")
	}
	return nil
}

// demand completes the task's resources by the profile's rules.
func (t Task) demand(p resources.Profile) (resources.Demand, []resources.Warning, error) {
	warnings, err := t.Resources.Validate()
	if err != nil {
		return resources.Demand{}, warnings, err
	}
	completed := t.Resources.Complete
	if t.overridden {
		completed = t.Resources.CompleteOverride
	}
	d, more, err := completed(p)
	return d, append(warnings, more...), err
}

// defaultPath is where programs are looked up when nobody says, as in a
// container image that sets no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ is the task's whole environment, sorted, so that two runs of a task
// are given the same bytes. With an image, or when asked for a clean one, the
// caller's is not inherited.
func (t Task) environ() []string {
	all := map[string]string{}
	if t.Image == "" && !t.CleanEnv {
		for _, entry := range os.Environ() {
			if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
				all[name] = value
			}
		}
	}
	maps.Copy(all, t.Env)
	if _, ok := all["PATH"]; !ok && t.Image == "" {
		all["PATH"] = defaultPath
	}
	env := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env = append(env, fmt.Sprintf("%s=%s", name, all[name]))
	}
	return env
}
