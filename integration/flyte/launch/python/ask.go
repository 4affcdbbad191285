// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// patience is how long an interpreter may take to introduce itself; it needs
// a tenth of a second.
const patience = 10 * time.Second

//go:embed ask.py
var question string

// answer is what ask.py prints.
type answer struct {
	Executable string   `json:"executable"`
	Prefix     string   `json:"prefix"`
	BasePrefix string   `json:"base_prefix"`
	Version    string   `json:"version"`
	SDK        *string  `json:"sdk"` // null: not installed
	Origin     string   `json:"origin"`
	Path       []string `json:"path"`
	Scripts    []string `json:"scripts"`
	UserBase   string   `json:"user_base"`
	UserSite   string   `json:"user_site"`
}

// ask lets an interpreter tell about itself, and refuses one that cannot run
// Flyte tasks.
func ask(ctx context.Context, program string) (Python, error) {
	a, err := introduce(ctx, program)
	if err != nil {
		return Python{}, err
	}
	executable := cmp.Or(a.Executable, program)
	switch {
	case a.SDK == nil:
		return Python{}, fmt.Errorf("%s (Python %s) has no flyte; install it (%s -m pip install flyte), or name the Python that has it with --python", executable, a.Version, executable)
	case older(*a.SDK, MinSDK):
		return Python{}, fmt.Errorf("%s has flyte %s, and drydock needs %s or newer; upgrade it: %s -m pip install --upgrade flyte", executable, *a.SDK, MinSDK, executable)
	}
	p := Python{
		Executable: executable, Prefix: a.Prefix, BasePrefix: a.BasePrefix,
		Version: a.Version, SDK: *a.SDK, links: linkDirs(executable),
	}
	for _, dir := range a.Scripts {
		if p.A0 = firstProgram(dir, "a0"); p.A0 != "" {
			break
		}
	}
	if p.A0 == "" {
		return Python{}, fmt.Errorf("%s has flyte %s but not its program a0 (looked in %s); install it again: %s -m pip install --force-reinstall flyte",
			executable, p.SDK, strings.Join(a.Scripts, ", "), executable)
	}
	if a.UserSite != "" && within(a.Origin, a.UserSite) {
		p.UserBase = a.UserBase
	}
	for _, dir := range a.Path {
		if filepath.IsAbs(dir) && !within(dir, p.Prefix) && !within(dir, p.BasePrefix) && isDir(dir) {
			p.SitePackages = append(p.SitePackages, dir)
		}
	}
	return p, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// introduce runs ask.py.
func introduce(ctx context.Context, program string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// -E: as in a task, PYTHONPATH and its kin do not count. The directory stays
	// the caller's: pyenv's shims look there for the version to run.
	cmd := exec.CommandContext(ctx, program, "-E", "-c", question)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return answer{}, fmt.Errorf("%s did not answer within %s; see what %s -c pass does, or name another one with --python", program, patience, program)
	case ctx.Err() != nil:
		return answer{}, ctx.Err()
	case err != nil:
		return answer{}, fmt.Errorf("%s does not run (%s); name another one with --python", program, why(err, stderr.String()))
	}
	var a answer
	// The last line: a sitecustomize may print, too.
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &a); err != nil {
		return answer{}, fmt.Errorf("%s is no Python 3 that drydock understands (it answered %.60q); name another one with --python", program, stdout.String())
	}
	return a, nil
}

// why is the last line of what a program complained of, or its exit status.
func why(err error, stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return err.Error()
}

// linkDirs are the directories that an executable's symbolic links lie in, to
// the last one.
func linkDirs(executable string) []string {
	var dirs []string
	for path, hops := executable, 0; hops < 40; hops++ {
		dirs = append(dirs, filepath.Dir(path))
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
