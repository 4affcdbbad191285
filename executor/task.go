// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// Environment is a named set of what several tasks share, as Flyte's
// TaskEnvironment is.
type Environment struct {
	Name      string
	Resources resources.Resources
	Env       map[string]string
	Image     string // "": the host's own root file system
	WorkDir   string // "": the caller's, or the image's
}

// Task is a command and what it asks for. The zero value of every field but
// Command is usable, and of Command, too, where there is an Image. A Task is a
// value: Override and With… return changed copies.
type Task struct {
	Name        string
	Environment *Environment // fills what the task leaves empty; nil: none
	// Command is the program and its arguments. With an Image they are what a
	// Kubernetes container calls args: they take the place of the image's CMD
	// and follow its ENTRYPOINT, if it has one. Empty: the image's CMD.
	Command []string

	Resources resources.Resources // replaces the environment's as a whole when not zero
	// Env is laid over the environment's, and both over the caller's own; with
	// an Image over the image's, and nothing of the caller's is inherited.
	Env      map[string]string
	CleanEnv bool // do not inherit the caller's environment

	// Image is a container image's reference; "": the environment's, then the
	// host's own root file system. The four that follow need one.
	Image string
	// Entrypoint takes the place of the image's ENTRYPOINT, whose CMD then
	// counts no more: a Kubernetes container's command. Nil: the image's.
	Entrypoint []string
	Pull       sandbox.PullPolicy // "": sandbox.PullMissing
	Platform   string             // os/arch[/variant]; "": the engine's own
	// Hosts are more lines of /etc/hosts, "name:address". On a bridge the host
	// is there as host.docker.internal, unless one of them says otherwise.
	Hosts []string

	// WorkDir "" is the environment's, then the image's; without an image
	// Scratch, then the process's own. With an image it is a path inside.
	WorkDir string
	// Scratch is an absolute path inside the sandbox at which each attempt
	// sees an empty, writable directory of its own, on disk and gone with the
	// attempt. It need not exist on the host. "": none.
	Scratch string
	// Mounts show host paths, in this order and after Scratch; also what the
	// sandbox hides, such as a directory below /tmp.
	Mounts   []sandbox.Mount
	Hide     []string // host paths that the task must not see
	ReadOnly bool
	User     string
	Network  sandbox.Network // "": bridge with an Image, host without
	TTY      bool
	Size     sandbox.TerminalSize

	Timeout  time.Duration // 0: none; of each attempt
	Grace    time.Duration // 0: DefaultGrace; negative: kill at once
	KillDeaf bool          // no grace for a program that has no use for it; see sandbox.Spec
	Retries  Retries
	OOMRetry *OOMRetry // nil: an OOM is retried as any other failure of kind user
	ChildOOM ChildOOM
	// DiskEnforce is how a limit on the disk is held; "": as the profile has it.
	DiskEnforce sandbox.DiskEnforce

	overridden bool
}

// DefaultGrace is the time between SIGTERM and SIGKILL, as Kubernetes'
// terminationGracePeriodSeconds.
const DefaultGrace = 30 * time.Second

// Override returns the task with r instead of all of its resources, as the
// SDK's .override(resources=…) does: nothing of the old ones is kept.
func (t Task) Override(r resources.Resources) Task {
	t.Resources, t.overridden = r, true
	return t
}

// Retries are a task's own retries after failures of kind user, as
// flyte.RetryStrategy. System failures are retried apart (Config.SystemRetries).
// Refusals, starts that failed and ends that nobody knows are not retried.
type Retries struct {
	Count   int           // how often to try again
	Backoff time.Duration // before the first retry; doubles each time
}

// OOMRetry retries an attempt that ran out of memory with more of it: the
// limit is multiplied and rounded up to a whole MiB, and a request that was
// written beside it grows in the same proportion. It does not count as one of
// Retries, and these do not apply to such an attempt.
type OOMRetry struct {
	Factor   float64 `json:"factor,omitempty"`   // of the last limit, above 1; 0: 2
	Max      int64   `json:"max,omitempty"`      // bytes; 0: this machine's allocatable memory
	Attempts int     `json:"attempts,omitempty"` // in all, the first included; 0: 3
}

// ChildOOM says what an OOM kill of a child means when the main process
// ends with 0 (row 5 of the verdict table).
type ChildOOM string

// What a survived child OOM means.
const (
	ChildOOMFail ChildOOM = "fail" // the default, as Flyte has it
	ChildOOMWarn ChildOOM = "warn"
)
