// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"os"
	"time"

	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/limits"
)

// spec translates attempt n of a completed task, kept in dir.
func (r *run) spec(n int, dir string, d resources.Demand) sandbox.Spec {
	t := r.task
	s := sandbox.Spec{
		ID: r.id, Attempt: n, Dir: dir,
		Args: t.Command, Env: t.environ(), WorkDir: t.WorkDir, User: t.User,
		Image: t.Image, Mounts: t.Mounts, ReadOnly: t.ReadOnly,
		Network: t.Network, Caps: sandbox.CapMode(r.profile.Security.Capabilities),
		TTY: t.TTY, Size: t.Size,
		Limits: limits.From(d, limits.Options{
			SingleProcessOOMKill: r.profile.Cgroup.SingleProcessOOMKill,
			PageSize:             int64(os.Getpagesize()),
		}),
		Timeout: t.Timeout, Grace: t.grace(),
	}
	if s.Network == "" {
		s.Network = sandbox.NetworkHost
	}
	if s.Caps == "" {
		s.Caps = sandbox.CapsDefault
	}
	if judge := r.x.config.JudgeCommand; len(judge) > 0 {
		s.OnOrphaned = append(append([]string{}, judge...), dir)
	}
	return s
}

// grace is the time between SIGTERM and SIGKILL.
func (t Task) grace() time.Duration {
	switch {
	case t.Grace < 0:
		return 0
	case t.Grace == 0:
		return DefaultGrace
	default:
		return t.Grace
	}
}

// enforcement lays what drydock itself knows not to hold over what the
// sandbox said.
func enforcement(from []sandbox.Enforcement, d resources.Demand) []sandbox.Enforcement {
	all := append([]sandbox.Enforcement(nil), from...)
	if d.Disk == nil {
		return all
	}
	for _, e := range all {
		if e.Limit == "disk" {
			return all
		}
	}
	return append(all, sandbox.Enforcement{Limit: "disk", State: sandbox.NotEnforced,
		Why: "drydock does not measure what a task writes to disk yet"})
}
