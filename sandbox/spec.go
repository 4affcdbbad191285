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

	// Args are the program and its arguments; Args[0] is looked up in the PATH
	// of Env. With an Image they are its arguments alone, in the place of the
	// image's CMD, as the args of a Kubernetes container; empty: the image's.
	Args    []string `json:"args"`
	Env     []string `json:"env"` // NAME=value; never logged
	WorkDir string   `json:"work_dir"`
	// User is "", "uid", "uid:gid" or a name of the root file system's
	// passwd; "" is root as root, the caller otherwise.
	User string `json:"user,omitempty"`

	// Image is a container image's reference; "": the host's own root file
	// system. Entrypoint, Pull, Platform and Hosts mean nothing without one.
	Image string `json:"image,omitempty"`
	// Entrypoint takes the place of the image's ENTRYPOINT, whose CMD then
	// counts no more, as the command of a Kubernetes container; nil: the image's.
	Entrypoint []string   `json:"entrypoint,omitempty"`
	Pull       PullPolicy `json:"pull,omitempty"`     // "": PullMissing
	Platform   string     `json:"platform,omitempty"` // os/arch[/variant]; "": the engine's own
	// Hosts are more lines of /etc/hosts, "name:address"; the address
	// "host-gateway" is the host's as the attempt reaches it.
	Hosts []string `json:"hosts,omitempty"`

	Mounts   []Mount      `json:"mounts,omitempty"` // in this order, after WorkDir
	Hide     []string     `json:"hide,omitempty"`   // absolute host paths to keep out of sight, beside drydock's own
	ReadOnly bool         `json:"read_only,omitempty"`
	Network  Network      `json:"network"`
	Caps     CapMode      `json:"capabilities"`
	TTY      bool         `json:"tty,omitempty"` // one stream: stderr is stdout
	Size     TerminalSize `json:"size,omitzero"`

	Limits Limits  `json:"limits"`
	Log    LogKeep `json:"log,omitzero"`
	Holds  Holds   `json:"holds,omitzero"` // by requests, not limits; see Holds
	// Accelerators are of Holds.Devices what the attempt sees of them; nil: none.
	Accelerators *Accelerators `json:"accelerators,omitempty"`

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

// LogKeep is how much of an attempt's log is kept: a full file gets a number,
// a new one is begun, and the oldest goes, as a kubelet rotates the logs of
// containers. Zero values are the kubelet's defaults.
type LogKeep struct {
	MaxSize  int64 `json:"max_size,omitempty"`  // bytes of a file; 0: 10 MiB (containerLogMaxSize)
	MaxFiles int   `json:"max_files,omitempty"` // at least 2; 0: 5 (containerLogMaxFiles)
}

// Network says which network the attempt sees.
type Network string

// The networks. Every sandbox has host and none.
const (
	NetworkHost   Network = "host"   // the host's own
	NetworkNone   Network = "none"   // a loopback interface and nothing else
	NetworkBridge Network = "bridge" // one behind the engine's bridge; with an Image only
)

// PullPolicy says when an image is fetched, as a Kubernetes container's
// imagePullPolicy does.
type PullPolicy string

// The pull policies.
const (
	PullMissing PullPolicy = "missing" // when the engine has none of that name (IfNotPresent)
	PullAlways  PullPolicy = "always"
	PullNever   PullPolicy = "never"
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
