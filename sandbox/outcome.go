// SPDX-License-Identifier: Apache-2.0

package sandbox

import "time"

// OutcomeVersion is the version of the outcome document. A newer one than
// this is refused, never guessed at.
const OutcomeVersion = 1

// Outcome is what is known after an attempt: facts, no opinion. It is written
// once, atomically, after the main process was reaped and its counters read.
type Outcome struct {
	Version int    `json:"version"`
	Sandbox string `json:"sandbox"` // "native", "docker", …
	// Engine is the container engine and its version; "": none was needed.
	Engine string `json:"engine,omitempty"`
	Image  *Image `json:"image,omitempty"` // what the attempt ran in

	// StartError is set when the program itself never ran.
	StartError *StartError `json:"start_error,omitempty"`
	StartedAt  time.Time   `json:"started_at,omitzero"` // execve of the program
	EndedAt    time.Time   `json:"ended_at,omitzero"`   // exit of the main process

	Exit *Exit `json:"exit,omitempty"` // nil: not known
	// ExitUnknown is why there is no Exit although the program ran, in a few
	// words; "": nobody can say.
	ExitUnknown string `json:"exit_unknown,omitempty"`
	Stops       []Stop `json:"stops,omitempty"` // what drydock itself sent, in order
	// KillSeenAt is when the first OOM kill was noticed; compare with Stops.
	KillSeenAt time.Time `json:"kill_seen_at,omitzero"`
	// GroupKilledAt is when the supervisor ended the rest of the attempt
	// after an OOM kill (the emulated group kill).
	GroupKilledAt time.Time `json:"group_killed_at,omitzero"`

	Counters *Counters `json:"counters,omitempty"` // nil: gone before they could be read
	Victims  []Victim  `json:"victims,omitempty"`  // OOM victims in order, as far as known

	Memory     Memory  `json:"memory"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Cores      int     `json:"cores"` // that the program could see
	Shm        *Shm    `json:"shm,omitempty"`
	Disk       *Disk   `json:"disk,omitempty"` // nil: not limited, or not measured
	// FullDisks are the machine's own file systems, among those that the
	// attempt writes to, that were seen without room while it ran.
	FullDisks []FullDisk `json:"full_disks,omitempty"`
	Pids      Pids       `json:"pids"`
	Hugetlb   int64      `json:"hugetlb_max,omitempty"` // refusals by a hugetlb limit

	Tail      string `json:"tail,omitempty"`      // the last bytes of both output streams
	LogError  string `json:"log_error,omitempty"` // why the log is incomplete
	Leftovers int    `json:"leftovers,omitempty"` // processes killed after the main one ended

	Limits []Enforcement `json:"limits,omitempty"`
}

// Image is a container image as it was used.
type Image struct {
	Reference string `json:"reference"`        // as it was asked
	ID        string `json:"id"`               // the engine's: a digest of its configuration
	Digest    string `json:"digest,omitempty"` // the registry's, "name@sha256:…"; "": it never was in one
	Platform  string `json:"platform,omitempty"`
}

// Exit is how the main process ended, as the kernel gave it.
type Exit struct {
	Code   int    `json:"code"`             // 128+n when a signal ended it
	Signal string `json:"signal,omitempty"` // "SIGKILL"
}

// StartError says why the program never ran.
type StartError struct {
	Reason  StartReason `json:"reason"`
	Message string      `json:"message"`          // one sentence
	Remedy  string      `json:"remedy,omitempty"` // what to do, where the sandbox knows better than others
	// OOM is set when the limit owner ran out of memory during set-up.
	OOM bool `json:"oom,omitempty"`
	// Stale is AcceleratorError's, with StartAccelerator.
	Stale bool `json:"stale,omitempty"`
}

// Accelerator is the error of a start that failed for the accelerators' sake;
// nil for any other.
func (e *StartError) Accelerator() *AcceleratorError {
	if e == nil || e.Reason != StartAccelerator {
		return nil
	}
	return &AcceleratorError{Message: e.Message, Remedy: e.Remedy, Stale: e.Stale}
}

// StartReason classifies start errors.
type StartReason string

// Why a program did not start.
const (
	StartNotFound      StartReason = "not-found"
	StartNotExecutable StartReason = "not-executable"
	StartLimitTooLow   StartReason = "limit-too-low" // below the runtime's own need
	StartImageName     StartReason = "invalid-image-name"
	StartImagePull     StartReason = "image-pull"  // not here, and not to be had
	StartAccelerator   StartReason = "accelerator" // the engine could not pass the devices
	StartRuntime       StartReason = "runtime"     // anything else of the set-up
)

// Stop is a signal that drydock sent on purpose. Time is taken before sending.
type Stop struct {
	Reason StopReason `json:"reason"`
	Signal string     `json:"signal"`
	Time   time.Time  `json:"time"`
}

// Counters are differences between the attempt's start and the read after the
// main process was reaped.
type Counters struct {
	// Evidence says who counted. With less than EvidenceKernel there is OOMKill
	// alone, 1 or 0, and it means the attempt's own limit.
	Evidence      Evidence `json:"evidence,omitempty"`
	CgroupVersion int      `json:"cgroup_version"` // 1 or 2
	// OOMKill is oom_kill of the task's own cgroups, descendants included.
	OOMKill int64 `json:"oom_kill"`
	// OOM is memory.events' oom of the limit owner (v2; 0 on v1).
	OOM int64 `json:"oom"`
	// OOMGroupKill is memory.events' oom_group_kill (v2, Linux 5.17).
	OOMGroupKill int64 `json:"oom_group_kill"`
	// Max and High are memory.events' max and high of the limit owner (v2).
	Max  int64 `json:"max"`
	High int64 `json:"high"`
	// Notified says that the eventfd on the limit owner's memory.oom_control
	// fired (v1). It also fires for an ancestor's shortage.
	Notified bool `json:"notified,omitempty"`
	// AncestorOOM says that a cgroup above the task's ran out: its oom moved
	// (v2) or it stood at its own limit (v1).
	AncestorOOM bool `json:"ancestor_oom,omitempty"`
	// HostOOMKill is /proc/vmstat's oom_kill: any OOM killer on this machine.
	HostOOMKill int64 `json:"host_oom_kill"`
	// Group says how the rest of the attempt went with the victim.
	Group GroupKill `json:"group,omitempty"`
}

// Evidence is how good the word on an attempt's OOM kills is, the best first.
type Evidence string

// The kinds of evidence.
const (
	EvidenceKernel Evidence = ""       // the counters of the attempt's own cgroup
	EvidenceEngine Evidence = "engine" // the engine said so; its cgroups could not be read
	EvidenceSample Evidence = "sample" // killed with memory at its limit: probable
)

// GroupKill says whether all of an attempt ends with its first OOM victim.
type GroupKill string

// How a group kill was had.
const (
	GroupEnforced GroupKill = "enforced" // by the kernel (memory.oom.group)
	GroupEmulated GroupKill = "emulated" // by the supervisor, a moment later
	GroupNo       GroupKill = "no"       // only the victim
)

// Victim is a process that the kernel's OOM killer ended.
type Victim struct {
	PID     int    `json:"pid,omitempty"` // as the program saw it; 0: not known
	HostPID int    `json:"host_pid,omitempty"`
	Name    string `json:"name,omitempty"`
	RSS     int64  `json:"rss,omitempty"` // bytes
	Main    bool   `json:"main,omitempty"`
}

// Memory is the memory of an attempt in bytes; Peak includes page cache.
type Memory struct {
	Limit int64 `json:"limit"`
	Peak  int64 `json:"peak"`
	// PeakNeed is the highest anon + shmem that a sample saw.
	PeakNeed int64      `json:"peak_need,omitempty"`
	Last     *Breakdown `json:"last,omitempty"` // the last one before the end, or at the OOM
}

// Shm is the attempt's /dev/shm in bytes.
type Shm struct {
	Size int64 `json:"size"`
	Used int64 `json:"used"` // after the end
	Peak int64 `json:"peak"` // the most that was seen
}

// Disk is what an attempt takes of the disk, in bytes of allocated blocks:
// what it wrote into its root file system, its log, and its own directory.
// What it writes into directories of the machine's own does not count, as a
// hostPath does not on a cluster.
type Disk struct {
	Limit   int64     `json:"limit"`
	Used    int64     `json:"used"` // at the last look: the one that it was evicted for, else at the end
	Peak    int64     `json:"peak"` // the most that a look saw
	Layer   int64     `json:"layer"`
	Log     int64     `json:"log"` // what is kept of it, see LogKeep
	Scratch int64     `json:"scratch"`
	Deleted int64     `json:"deleted,omitempty"` // deleted and still open; a kubelet's walk does not see it
	Time    time.Time `json:"time"`              // of the last look
	// Largest are the directories that hold most, as the program sees them,
	// the largest first. What is named of one is not counted for those above.
	Largest []DirUse `json:"largest,omitempty"`
	// Incomplete says what could not be looked at; "": nothing.
	Incomplete string `json:"incomplete,omitempty"`
	// Held is what of Used lies where a write beyond the limit fails (DiskHard);
	// it evicts nobody.
	Held int64 `json:"held,omitempty"`
	// Hard are the places where it does.
	Hard []HardDisk `json:"hard,omitempty"`
}

// DirUse is a directory and what it holds.
type DirUse struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Pids are the attempt's processes and threads.
type Pids struct {
	Limit   int64 `json:"limit,omitempty"`
	Peak    int64 `json:"peak,omitempty"`
	Refused int64 `json:"refused,omitempty"` // forks refused by the limit
}

// Enforcement tells how a limit is held on this machine.
type Enforcement struct {
	Limit string       `json:"limit"` // "memory", "cpu", "swap", "group-kill", …
	State EnforceState `json:"state"`
	Why   string       `json:"why,omitempty"`
}

// EnforceState is how well a limit is held.
type EnforceState string

// The states of an Enforcement.
const (
	Enforced    EnforceState = "enforced"
	Emulated    EnforceState = "emulated"
	NotEnforced EnforceState = "not enforced"
)
