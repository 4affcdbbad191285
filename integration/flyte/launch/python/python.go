// SPDX-License-Identifier: Apache-2.0

package python

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"drydock/sandbox"
)

// MinSDK is the oldest flyte whose tasks drydock knows how to run. Older ones
// want docker buildx on the client, whatever the backend is.
const MinSDK = "2.0.10"

// Python is an interpreter with the Flyte SDK in it. Paths are absolute.
type Python struct {
	Executable string // as it names itself
	A0         string // the SDK's program that runs one action
	Prefix     string // of the virtual environment, or BasePrefix
	BasePrefix string // of the installation below it
	Version    string // "3.11.7"
	SDK        string // "2.12.1"
	// SitePackages are the directories outside both prefixes that modules
	// come from: editable installs, .pth files.
	SitePackages []string
	// UserBase is set when flyte lies in the user's own site-packages
	// (pip install --user): where PYTHONUSERBASE has to point, because a task
	// has another HOME.
	UserBase string

	links []string // directories that the executable's symbolic links lead through
}

// Path is what a task's PATH begins with, so that it finds a0 and python.
func (p Python) Path() []string {
	return slices.Compact([]string{filepath.Dir(p.A0), filepath.Dir(p.Executable)})
}

// SameMinor refuses a client whose flyte is of another minor version than
// this one's: what they tell each other changes between those. An empty or
// unreadable version is none to compare.
func (p Python) SameMinor(client string) error {
	a, okA := minor(client)
	b, okB := minor(p.SDK)
	if !okA || !okB || a == b {
		return nil
	}
	return fmt.Errorf("the client uses flyte %s, and drydock's Python has %s; install the same on both sides: %s -m pip install 'flyte==%s', and start drydock again",
		client, p.SDK, p.Executable, release(client))
}

// release is a version without its local part: a development build cannot be
// installed by its full name.
func release(version string) string {
	version, _, _ = strings.Cut(version, "+")
	return version
}

// minor is the first two numbers of a version.
func minor(version string) ([2]int, bool) {
	v, ok := numbers(version)
	return [2]int{v[0], v[1]}, ok
}

// numbers reads the first three numbers of a version; 2.12.0b4 is 2.12.0.
func numbers(version string) (v [3]int, ok bool) {
	parts := strings.SplitN(release(version), ".", 4)
	for i := range min(len(parts), 3) {
		digits := parts[i]
		if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = digits[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			return v, i >= 2
		}
		v[i] = n
	}
	return v, len(parts) >= 2
}

// older reports whether version a is before b; false when one is unreadable.
func older(a, b string) bool {
	x, okX := numbers(a)
	y, okY := numbers(b)
	return okX && okY && slices.Compare(x[:], y[:]) < 0
}

// unseen are the directories that a native sandbox has of its own, so that
// what the host keeps there has to be mounted. Everything else of the host is
// seen as it is, copy-on-write, and must not be mounted: a task may install
// what it likes into its private layer.
var unseen = []string{"/tmp", "/run", "/var/run", "/dev", "/proc", "/sys"}

// Mounts are what a native sandbox needs beside its own view of the host to
// run this Python: read-only, at the same path, parents first.
func (p Python) Mounts() []sandbox.Mount {
	dirs := slices.Concat([]string{p.BasePrefix, p.Prefix, filepath.Dir(p.A0), p.UserBase}, p.links, p.SitePackages)
	var all []string
	for _, dir := range dirs {
		all = append(all, dir)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			all = append(all, real) // a link outside may point to a place that is not seen
		}
	}
	all = slices.DeleteFunc(all, func(dir string) bool { return !hidden(dir) })
	slices.Sort(all)
	var mounts []sandbox.Mount
	for _, dir := range all {
		if !slices.ContainsFunc(mounts, func(m sandbox.Mount) bool { return within(dir, m.Target) }) {
			mounts = append(mounts, sandbox.Mount{Source: dir, Target: dir, ReadOnly: true})
		}
	}
	return mounts
}

// hidden reports whether a directory lies in one that the sandbox has of its
// own. Those themselves are never mounted.
func hidden(dir string) bool {
	return slices.ContainsFunc(unseen, func(top string) bool { return dir != top && within(dir, top) })
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
