// SPDX-License-Identifier: Apache-2.0

// Package options reads what people write for a task, the same way in flags,
// in the environment and in task files: times, volumes, variables, retry
// policies. Every error says what would be accepted.
package options

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox"
)

// Timeout reads how long an attempt may take.
func Timeout(s string) (time.Duration, error) {
	d, err := Duration(s)
	if err == nil && d <= 0 {
		return 0, fmt.Errorf("a timeout of %s would end at once; accepted: more than zero, such as 90s or 30m; leave it out for none", s)
	}
	return d, err
}

// Grace reads a time that may be zero. For executor.Task zero means the
// default, so a zero becomes negative: at once.
func Grace(s string) (time.Duration, error) {
	d, err := Wait(s)
	if err == nil && d == 0 {
		return -1, nil
	}
	return d, err
}

// Wait reads a time of zero or more.
func Wait(s string) (time.Duration, error) {
	d, err := Duration(s)
	if err == nil && d < 0 {
		return 0, fmt.Errorf("%s is negative; accepted: 0s or more, such as 10s or 1m30s", s)
	}
	return d, err
}

const most = 1000 // retries or attempts: more is a slip of the finger

// Retries reads how often to run again.
func Retries(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is no number of retries; accepted: 0 to %d", s, most)
	}
	return n, nil
}

// Count reads how many of something there may be, 0 included.
func Count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number; accepted: 0 or more", s)
	}
	return n, nil
}

// ChildOOM reads what a survived kill of a child means.
func ChildOOM(s string) (executor.ChildOOM, error) {
	switch c := executor.ChildOOM(s); c {
	case executor.ChildOOMFail, executor.ChildOOMWarn:
		return c, nil
	}
	return "", fmt.Errorf("%q is not known; accepted: fail, warn", s)
}

// DiskEnforce reads how a limit on the disk is held.
func DiskEnforce(s string) (sandbox.DiskEnforce, error) {
	switch e := sandbox.DiskEnforce(s); e {
	case sandbox.DiskEvict, sandbox.DiskHard:
		return e, nil
	}
	return "", fmt.Errorf("%q is not known; accepted: evict, hard", s)
}

// Network reads which network a task sees. "auto" leaves it to whether the
// task has an image.
func Network(s string) (sandbox.Network, error) {
	switch n := sandbox.Network(s); n {
	case sandbox.NetworkHost, sandbox.NetworkNone, sandbox.NetworkBridge:
		return n, nil
	case "auto":
		return "", nil
	}
	return "", fmt.Errorf("%q is not known; accepted: auto, host, none, bridge", s)
}

const oomRetryForms = "accepted: FACTOR[,max=SIZE][,attempts=N], such as 2x or 1.5x,max=2Gi,attempts=5"

// OOMRetry reads a policy such as 2x,max=2Gi,attempts=5; "" and "off" are none.
func OOMRetry(s string) (*executor.OOMRetry, error) {
	if s == "" || s == "off" {
		return nil, nil
	}
	parts := strings.Split(s, ",")
	factor, err := Factor(parts[0])
	if err != nil {
		return nil, err
	}
	r := &executor.OOMRetry{Factor: factor}
	seen := map[string]bool{}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		if seen[key] {
			return nil, fmt.Errorf("%s is there twice; %s", key, oomRetryForms)
		}
		seen[key] = true
		switch key {
		case "max":
			r.Max, err = MaxMemory(value)
		case "attempts":
			r.Attempts, err = Attempts(value)
		default:
			err = fmt.Errorf("%q is not known; %s", part, oomRetryForms)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Factor reads by how much memory grows: 2x, 1.5x, 2.
func Factor(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSuffix(s, "x"), "X"), 64)
	if err != nil || math.IsNaN(f) {
		return 0, fmt.Errorf("%q is no factor; %s", s, oomRetryForms)
	}
	if f <= 1 || f > most {
		return 0, fmt.Errorf("a factor of %s does not help: memory must grow; accepted: more than 1 and at most %d, such as 2x or 1.5x", s, most)
	}
	return f, nil
}

// MaxMemory reads the ceiling of a retry in bytes.
func MaxMemory(s string) (int64, error) {
	n, err := resources.ParseSize(s)
	if err != nil {
		return 0, fmt.Errorf("max: %w", err)
	}
	if n <= 0 {
		return 0, fmt.Errorf("max=%s leaves no memory; accepted: a size such as 2Gi", s)
	}
	return n, nil
}

// Attempts reads how often to try in all.
func Attempts(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("attempts=%s: accepted: 1 to %d, the first one included", s, most)
	}
	return n, nil
}

// Volume reads SRC:DST[:ro|rw]; a relative SRC is relative to dir.
func Volume(s, dir string) (sandbox.Mount, error) {
	const forms = "accepted: SRC:DST or SRC:DST:ro, DST absolute"
	parts := strings.Split(s, ":")
	m := sandbox.Mount{}
	switch {
	case len(parts) == 3 && parts[2] == "ro":
		m.ReadOnly = true
	case len(parts) == 3 && parts[2] == "rw", len(parts) == 2:
	default:
		return m, fmt.Errorf("%q is no volume; %s", s, forms)
	}
	if parts[0] == "" || !filepath.IsAbs(parts[1]) {
		return m, fmt.Errorf("%q is no volume; %s", s, forms)
	}
	m.Source, m.Target = parts[0], filepath.Clean(parts[1])
	if !filepath.IsAbs(m.Source) {
		m.Source = filepath.Join(dir, m.Source)
	}
	m.Source = filepath.Clean(m.Source)
	if m.Target == "/" {
		return m, fmt.Errorf("%q would cover the whole root file system; name a directory below it", s)
	}
	return m, nil
}

// VariableName checks the name of an environment variable.
func VariableName(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return fmt.Errorf("%q is no name of a variable; accepted: NAME=VALUE or NAME", name)
	}
	return nil
}
