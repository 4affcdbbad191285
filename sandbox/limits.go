// SPDX-License-Identifier: Apache-2.0

package sandbox

// Limits are the kernel's numbers for one attempt. Zero means "not limited"
// unless a field says otherwise.
type Limits struct {
	// CPUShares is cgroup v1's cpu.shares, 2..262144, the unit in which the
	// kubelet and the runtimes talk even on v2.
	CPUShares uint64 `json:"cpu_shares"`
	// CPUQuota and CPUPeriod are microseconds; quota 0 is no quota.
	CPUQuota  int64  `json:"cpu_quota"`
	CPUPeriod uint64 `json:"cpu_period"`

	// Memory is the limit in bytes, rounded down to a page as the kernel
	// does; swap is never given on top of it.
	Memory int64 `json:"memory"`
	// GroupKill asks for the whole attempt to die with its first OOM victim
	// (memory.oom.group; kubernetes#117793).
	GroupKill bool `json:"group_kill"`

	// ShmSize is the size of /dev/shm in bytes.
	ShmSize int64 `json:"shm_size"`
	// ShmClamped is the size that was asked when it exceeded the memory limit.
	ShmClamped int64 `json:"shm_clamped,omitempty"`

	// Pids limits processes and threads.
	Pids int64 `json:"pids"`
	// OOMScoreAdj is written for every process, so that the caller's own
	// value is not inherited.
	OOMScoreAdj int `json:"oom_score_adj"`

	// NoFile is the soft limit of open files (RLIMIT_NOFILE); the hard limit
	// stays the caller's.
	NoFile uint64 `json:"nofile"`

	// Disk is the limit of what the attempt takes of the disk, in bytes, and
	// DiskEnforce how it is held; "": DiskEvict.
	Disk        int64       `json:"disk,omitempty"`
	DiskEnforce DiskEnforce `json:"disk_enforce,omitempty"`
}

// DiskEnforce is a way to hold a limit on the disk.
type DiskEnforce string

// The ways.
const (
	// DiskEvict polls as a kubelet does: writing is not hindered, and an
	// attempt that is seen above its limit is killed for StopEvict.
	DiskEvict DiskEnforce = "evict"
	// DiskHard lets a write beyond the limit fail with ENOSPC or EDQUOT. What
	// of the attempt's disk cannot be held so is polled as with DiskEvict, and
	// named; where nothing can be, the attempt is refused (*SpecError).
	DiskHard DiskEnforce = "hard"
)
