// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"time"
)

// Spec is everything a sandbox needs to know about one attempt. It holds plain
// values only, so that it can be written down, compared and sent.
type Spec struct {
	ID      string `json:"id"`      // the task's ULID
	Attempt int    `json:"attempt"` // from 1
	// Dir is the attempt's own directory on the host. It exists, is private
	// to the owner, and receives the log, the samples and the outcome.
	Dir string `json:"dir"`

	Args    []string `json:"args"` // Args[0] is looked up in the PATH of Env
	Env     []string `json:"env"`  // NAME=value; never logged
	WorkDir string   `json:"work_dir"`
	// User is "", "uid", "uid:gid" or a name of the root file system's
	// passwd; "" is root as root, the caller otherwise.
	User string `json:"user,omitempty"`

	Image    string       `json:"image,omitempty"`  // "": the host's own root file system
	Mounts   []Mount      `json:"mounts,omitempty"` // in this order, after WorkDir
	Hide     []string     `json:"hide,omitempty"`   // absolute host paths to keep out of sight, beside drydock's own
	ReadOnly bool         `json:"read_only,omitempty"`
	Network  Network      `json:"network"`
	Caps     CapMode      `json:"capabilities"`
	TTY      bool         `json:"tty,omitempty"` // one stream: stderr is stdout
	Size     TerminalSize `json:"size,omitzero"`

	Limits Limits `json:"limits"`

	Timeout time.Duration `json:"timeout,omitempty"` // 0: none; kept by the supervisor itself
	Grace   time.Duration `json:"grace"`             // between SIGTERM and SIGKILL at the timeout
	// KillDeaf cuts the grace where nobody could use it: SIGKILL follows at
	// once when the main process neither catches nor blocks SIGTERM. A cluster
	// waits all the same.
	KillDeaf bool `json:"kill_deaf,omitempty"`

	// OnOrphaned, if not empty, is a command that the supervisor starts after
	// writing the outcome when the process that started it is gone: so that
	// the verdict is written although nobody waits for it.
	OnOrphaned []string `json:"on_orphaned,omitempty"`
}

// Mount binds a host path into the sandbox.
type Mount struct {
	Source   string `json:"source"` // absolute, on the host
	Target   string `json:"target"` // absolute, inside
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Network says which network the attempt sees.
type Network string

// The networks of the native sandbox.
const (
	NetworkHost Network = "host" // the host's own
	NetworkNone Network = "none" // a loopback interface and nothing else
)

// CapMode says which capabilities the attempt may hold.
type CapMode string

// Capability modes. The sets are those of limits-and-oom §9: the container
// default without mknod, net_raw and audit_write, and Kubernetes' "restricted".
const (
	CapsDefault    CapMode = "default"
	CapsRestricted CapMode = "restricted" // none at all
	CapsCluster    CapMode = "cluster"    // the 14 of containerd
)
