// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"drydock/resources"
	"drydock/sandbox"
)

// What a task gets that resources do not ask for.
const (
	// DefaultShm is /dev/shm's size when nobody asks: containerd, Docker and
	// Podman agree on it, and it does not depend on the memory limit.
	DefaultShm = 64 << 20
	// DefaultPids lets a task start as many threads as it can use; a fork
	// bomb still ends long before the machine's own limit.
	DefaultPids = 32768
	// DefaultOOMScoreAdj is positive where a cluster gives -997 to most Flyte
	// tasks: on a workstation a shortage of memory should cost the task and
	// not the editor beside it. It plays no part at the task's own limit.
	DefaultOOMScoreAdj = 500
	// DefaultNoFile is the soft limit of open files, capped by the hard one.
	DefaultNoFile = 1 << 20
)

// Options say what of a cluster's node configuration applies.
type Options struct {
	// SingleProcessOOMKill is the kubelet's setting of that name: an OOM ends
	// one process and not the whole container. Its default is false.
	SingleProcessOOMKill bool
	// PageSize in bytes; 0: 4096.
	PageSize int64
	// DiskEnforce is how a limit on the disk is held, where there is one.
	DiskEnforce sandbox.DiskEnforce
	// Pids is how many processes and threads there may be; 0: DefaultPids.
	Pids int64
}

// From translates a completed demand.
func From(d resources.Demand, opts Options) Limits {
	l := Limits{
		CPUShares:   shares(d.CPU),
		CPUPeriod:   Period,
		CPUQuota:    Quota(d.CPU.LimitMilli()),
		Memory:      memoryLimit(d.Memory.LimitBytes(), opts.PageSize),
		GroupKill:   !opts.SingleProcessOOMKill,
		ShmSize:     DefaultShm,
		Pids:        DefaultPids,
		OOMScoreAdj: DefaultOOMScoreAdj,
		NoFile:      DefaultNoFile,
	}
	if opts.Pids > 0 {
		l.Pids = opts.Pids
	}
	if d.Disk != nil {
		l.Disk, l.DiskEnforce = d.Disk.LimitBytes(), opts.DiskEnforce
	}
	if d.Shm != nil {
		l.ShmSize, l.ShmClamped = shm(*d.Shm, l.Memory, opts.PageSize)
	}
	return l
}

// memoryLimit is a limit as the kernel rounds it, but never 0, which is none: below
// a page nothing starts, with one page neither.
func memoryLimit(limit, page int64) int64 {
	if limit <= 0 {
		return 0
	}
	return max(roundDown(limit, page), pageSize(page))
}

// shm sizes an asked /dev/shm as the kubelet does a memory-medium emptyDir: the
// smaller of what was asked and the memory limit, without a word. (The word is
// resources.Complete's.) The second figure is what was asked when that was too
// much.
func shm(asked resources.ShmDemand, memory, page int64) (size, clamped int64) {
	size = asked.Size
	if asked.Auto || size <= 0 {
		size = memory
	}
	switch {
	case size <= 0: // auto without a memory limit
		return DefaultShm, 0
	case memory > 0 && size > memory:
		return memory, size
	default:
		// tmpfs rounds its size up to a page; so do we, so that what statfs
		// says inside is what was written down.
		return roundUp(size, page), 0
	}
}

// shares follows the kubelet: the request, or the limit where no request is.
func shares(cpu resources.Allotment) uint64 {
	milli := cpu.RequestMilli()
	if milli == 0 {
		milli = cpu.LimitMilli()
	}
	return SharesFromMilli(milli)
}

func pageSize(page int64) int64 {
	if page <= 0 {
		return 4096
	}
	return page
}

func roundDown(n, page int64) int64 { return n - n%pageSize(page) }

func roundUp(n, page int64) int64 {
	if rest := n % pageSize(page); rest != 0 {
		return n + pageSize(page) - rest
	}
	return n
}
