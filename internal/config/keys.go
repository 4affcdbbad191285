// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drydock/internal/options"
)

// Key describes one setting, for the loader, the help and the reference page.
type Key struct {
	Name  string
	Flag  string // "": no flag
	Env   string
	About string
	// Words are the accepted values; empty: any that Check takes.
	Words []string

	fallback func(Paths) string
	check    func(string) error
	isPath   bool // made absolute; in a file relative to the file
	pairs    bool // KEY=VALUE,…; in a file also as a mapping
}

// Keys are all settings in the order in which they are shown.
func Keys() []Key { return slices.Clone(keys) }

var keys = []Key{
	{Name: "sandbox", Flag: "--sandbox", Env: "DRYDOCK_SANDBOX", About: "how tasks are isolated; auto: docker with an image, native without",
		Words: []string{"auto", "native", "docker"}, fallback: constant("auto")},
	{Name: "network", Flag: "--network", Env: "DRYDOCK_NETWORK", About: "which network tasks see; auto: bridge with an image, host without",
		Words: []string{"auto", "host", "none", "bridge"}, fallback: constant("auto")},
	{Name: "grace", Flag: "--grace", Env: "DRYDOCK_GRACE", About: "time between SIGTERM and SIGKILL",
		fallback: constant("30s"), check: accepts(options.Grace)},
	{Name: "oom_retry", Flag: "--oom-retry", Env: "DRYDOCK_OOM_RETRY", About: "run again with more memory after running out of it; off, or F[,max=SIZE][,attempts=N]",
		fallback: constant("off"), check: accepts(options.OOMRetry)},
	{Name: "child_oom", Flag: "--child-oom", Env: "DRYDOCK_CHILD_OOM", About: "what a survived out-of-memory kill of a child means",
		Words: []string{"fail", "warn"}, fallback: constant("fail")},
	{Name: "disk_enforce", Flag: "--disk-enforce", Env: "DRYDOCK_DISK_ENFORCE", About: "what a limit on the disk does; evict: end the task that is seen above it, as a kubelet; hard: fail the write; empty: the profile's",
		Words: []string{"evict", "hard"}, fallback: constant("")},
	{Name: "gpu_substitute", Flag: "--gpu-substitute", Env: "DRYDOCK_GPU_SUBSTITUTE", About: "which GPUs may stand for the type that a task asks for; compatible, as --gpu-substitute says: of its memory or more, and as new; empty: the profile's",
		Words: []string{"exact", "compatible", "any"}, fallback: constant("")},
	{Name: "gpu_missing", Flag: "--gpu-missing", Env: "DRYDOCK_GPU_MISSING", About: "what a task does that asks for accelerators this machine lacks; ignore: run without; empty: the profile's",
		Words: []string{"refuse", "ignore"}, fallback: constant("")},
	{Name: "profile", Flag: "--profile", Env: "DRYDOCK_PROFILE", About: "the cluster's defaults and limits; empty: Flyte's own",
		fallback: existingProfile, isPath: true},
	{Name: "state_dir", Flag: "--state-dir", Env: "DRYDOCK_STATE_DIR", About: "where attempts and history are kept",
		fallback: func(p Paths) string { return p.State }, isPath: true},
	{Name: "lease_dir", Env: "DRYDOCK_LEASE_DIR", About: "where tasks of all users reserve this machine's capacity",
		fallback: constant("/run/lock/drydock"), isPath: true},
	{Name: "node", Flag: "--node", Env: "DRYDOCK_NODE", About: "what this machine is taken for, as cpu=8,memory=32Gi,gpu=A100:2; empty: itself",
		fallback: constant(""), check: accepts(options.Node), pairs: true},
	{Name: "reserve", Env: "DRYDOCK_RESERVE", About: "what is kept from tasks, as cpu=1,memory=4Gi; empty: a tenth of the memory, at most 4Gi",
		fallback: constant(""), check: accepts(options.Reserve), pairs: true},
	{Name: "log_max_size", Env: "DRYDOCK_LOG_MAX_SIZE", About: "how large a file of an attempt's log grows before a new one is begun, as a kubelet's containerLogMaxSize",
		fallback: constant("10Mi"), check: accepts(options.LogSize)},
	{Name: "log_max_files", Env: "DRYDOCK_LOG_MAX_FILES", About: "how many files of an attempt's log are kept, as a kubelet's containerLogMaxFiles; the oldest go",
		fallback: constant("5"), check: accepts(options.LogFiles)},
	{Name: "retain_for", Env: "DRYDOCK_RETAIN_FOR", About: "ended tasks are removed by themselves after so long; off: never",
		fallback: constant("720h"), check: accepts(options.RetainFor)},
	{Name: "retain_tasks", Env: "DRYDOCK_RETAIN_TASKS", About: "so many ended tasks are kept, the oldest are removed by themselves; off: all",
		fallback: constant("10000"), check: accepts(options.RetainTasks)},
	{Name: "retain_size", Env: "DRYDOCK_RETAIN_SIZE", About: "so much disk may ended tasks take, the oldest are removed by themselves; off: any; empty: a tenth of the file system, at most 20Gi",
		fallback: constant(""), check: accepts(options.RetainSize)},
	{Name: "prune_older_than", Flag: "--older-than", Env: "DRYDOCK_PRUNE_OLDER_THAN", About: "drydock prune removes tasks that ended longer ago",
		fallback: constant("168h"), check: accepts(options.Wait)},
	{Name: "prune_keep", Flag: "--keep", Env: "DRYDOCK_PRUNE_KEEP", About: "drydock prune keeps so many of the newest ended tasks",
		fallback: constant("0"), check: accepts(options.Count)},
	{Name: "shim", Env: "DRYDOCK_SHIM", About: "the supervisor program; empty: drydock-shim beside drydock", fallback: constant(""), isPath: true},
}

func constant(s string) func(Paths) string { return func(Paths) string { return s } }

func existingProfile(p Paths) string {
	file := filepath.Join(p.Config, "cluster.yaml")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

func (k Key) resolve(in Inputs, fromFile map[string]Value, paths Paths) (Value, error) {
	v := Value{Key: k.Name, Text: k.fallback(paths), Origin: Origin{Kind: FromDefault}}
	flagText, flagGiven := in.Flags[k.Name]
	envText, envGiven := in.Env(k.Env)
	fileValue, fileGiven := fromFile[k.Name]
	switch {
	case flagGiven:
		v.Text, v.Origin = flagText, Origin{Kind: FromFlag, Name: k.Flag}
	case envGiven && envText != "":
		v.Text, v.Origin = envText, Origin{Kind: FromEnv, Name: k.Env}
	case fileGiven:
		v = fileValue
	}
	if v.Origin.Kind == FromDefault {
		return v, nil
	}
	if err := k.validate(v); err != nil {
		return v, err
	}
	if k.isPath && v.Text != "" {
		base := ""
		if v.Origin.Kind == FromFile {
			base = filepath.Dir(v.Origin.File)
		}
		path, err := absolute(base, v.Text)
		if err != nil {
			return v, err
		}
		v.Text = path
	}
	return v, nil
}

func absolute(base, path string) (string, error) {
	if base != "" && !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	return abs, nil
}

func (k Key) validate(v Value) error {
	if k.check != nil {
		if err := k.check(v.Text); err != nil {
			return &ValueError{Value: v, Reason: err.Error()}
		}
	}
	if len(k.Words) > 0 && !slices.Contains(k.Words, v.Text) {
		return &ValueError{Value: v, Reason: "accepted: " + strings.Join(k.Words, ", ")}
	}
	return nil
}

// accepts makes a check of a parser.
func accepts[T any](parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		_, err := parse(s)
		return err
	}
}
