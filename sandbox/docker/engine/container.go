// SPDX-License-Identifier: Apache-2.0

package engine

import "time"

// Container is what a container is made of. Zero values ask for nothing: the
// engine's or the image's own counts then. Sizes are bytes.
type Container struct {
	Name     string
	Image    string // an ID ("sha256:…") cannot come to mean another image in between
	Platform string // os/arch[/variant]; "": the engine's own

	// Entrypoint takes the place of the image's ENTRYPOINT; nil: the image's.
	// With one of its own the image's CMD counts no more. Args take the place
	// of CMD; nil: the image's.
	Entrypoint []string
	Args       []string
	Env        []string // NAME=value, on top of the image's
	WorkDir    string
	User       string
	Labels     map[string]string

	Binds []Bind
	Tmpfs []Tmpfs

	Devices []string // nodes of the engine's host, the same inside, to read and write
	Groups  []string // more gids, of the container's user
	// Request asks for devices by their ids; nil: for none.
	Request *DeviceRequest
	Runtime string // "nvidia"; "": the engine's default

	TTY   bool
	Stdin bool // open, and closed for good when the first attached client closes it

	Network    string   // "none", "bridge", "host"
	ExtraHosts []string // "name:address"; the address may be "host-gateway" (20.10, Podman 4)

	ReadOnly        bool
	CapAdd          []string // "NET_RAW", or "ALL"
	CapDrop         []string
	NoNewPrivileges bool

	DiskSize   int64 // of the writable layer, where the storage driver takes one; 0: not limited
	ShmSize    int64 // of /dev/shm; 0: the engine's 64 MiB
	Memory     int64
	MemorySwap int64 // memory and swap together; Memory's own value: no swap
	CPUShares  int64
	CPUPeriod  int64 // microseconds
	CPUQuota   int64 // microseconds
	Pids       int64
	Ulimits    []Ulimit
	// OOMScoreAdj is always sent: an engine would otherwise write 0 all the same.
	OOMScoreAdj  int
	CgroupParent string // cgroupfs: a path; systemd: a slice's name
	CgroupNS     string // "private", "host"; "": the engine's default

	// LogDriver keeps the output beside those who are attached: "json-file",
	// "local", "none", …; "": the engine's default.
	LogDriver string
}

// DeviceRequest asks a driver of the engine's for devices.
type DeviceRequest struct {
	Driver string   // "cdi", "nvidia"
	IDs    []string // "nvidia.com/gpu=GPU-…" for cdi, "GPU-…" for nvidia
	// Capabilities choose the parts of the driver, all of them: "gpu",
	// "compute", "utility". None for cdi.
	Capabilities []string
}

// Bind shows a directory or a file of the engine's host in the container.
type Bind struct {
	Source   string // absolute; must be there
	Target   string // absolute
	ReadOnly bool
}

// Tmpfs is a file system in memory.
type Tmpfs struct {
	Target  string // absolute
	Size    int64  // bytes; 0: half of the machine's memory
	Mode    uint32 // permission bits; 0: 1777
	Exec    bool   // without it nothing on it can be run
	Options string // more mount options, "uid=1000"
}

// Ulimit is a resource limit of the container's processes.
type Ulimit struct {
	Name       string // "nofile"
	Soft, Hard int64  // -1: unlimited
}

// State is how a container stands.
type State struct {
	ID      string
	Name    string // without the leading slash
	Image   string // the ID of its image
	Status  string // "created", "running", "paused", "exited", "removing", "dead"
	Running bool
	PID     int // of the main process in the engine's pid namespace; 0: not running

	ExitCode  int
	OOMKilled bool
	Error     string // why it could not be started, in the engine's words
	// By the engine's clock. When it ended is not here: Podman takes that from
	// the exit file and the start from later, so that it may come out before.
	CreatedAt time.Time
	StartedAt time.Time // zero: not yet

	Labels map[string]string
	TTY    bool
	Layer  string // its writable layer on the engine's host; "": not told
	// CgroupParent is what the container was made with.
	CgroupParent string
	LogDriver    string
	// Devices are the nodes, by their paths inside, and DeviceIDs what
	// was asked for by ids.
	Devices, DeviceIDs []string
}

// Listed is a container in a list.
type Listed struct {
	ID     string
	Name   string
	Image  string // the reference it was made from
	State  string // as State.Status
	Labels map[string]string
	// CreatedAt is to the second.
	CreatedAt time.Time
}

// Event is something that happened to a container.
type Event struct {
	ID       string
	Action   string    // "oom", "die", "destroy"; Podman says "died" and "remove": these are turned into Docker's
	Time     time.Time // the engine's clock
	ExitCode int       // of a die; -1: not said
	Signal   string    // of a kill
}

// Stats is one look at a running container. Sizes are bytes; nil or 0 where
// the engine did not say.
type Stats struct {
	Time       time.Time
	Memory     int64 // usage, page cache included
	MaxMemory  int64 // highest usage so far; cgroup v1 only
	Anon       int64
	File       int64 // without Shmem
	Shmem      int64
	Kernel     int64
	CPUSeconds float64
	Pids       int64
}
