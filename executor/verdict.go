// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// Codes are the stable words behind a Class. Those of an exit are the ones a
// cluster shows as the container's reason; the others are drydock's.
const (
	CodeOOMKilled         = "OOMKilled"
	CodeError             = "Error"
	CodeTimeout           = "TaskTimeoutError"
	CodeAborted           = "Aborted"
	CodeStartError        = "StartError"
	CodeInvalidImageName  = "InvalidImageName" // as the kubelet calls these two
	CodeImagePullBackOff  = "ImagePullBackOff"
	CodeMemoryLimitTooLow = "MemoryLimitTooLow"
	CodeMachineMemory     = "MachineMemoryExhausted"
	CodeHostOutOfMemory   = "HostOutOfMemory"
	CodeUnkillableOOM     = "UnkillableOOM"
	CodeInterrupted       = "Interrupted"
	CodeSharedMemory      = "SharedMemoryExhausted"
	CodeHugepageLimit     = "HugepageLimit"
	CodeEvicted           = "Evicted"
	CodeDiskFull          = "DiskFull"     // its own hard limit
	CodeHostDiskFull      = "HostDiskFull" // a file system of the machine's
	CodeUnknown           = "Unknown"
	CodeRefused           = "Refused"
	CodeInternal          = "InternalError"
	// CodeAcceleratorNotAvailable is a refusal for want of devices.
	CodeAcceleratorNotAvailable = "AcceleratorNotAvailable"
	CodeNeverStarted            = "NeverStarted" // its process was gone before anything ran; see Executor.Adopt
)

// JudgeOptions are what a judgement needs to know beside the facts. The zero
// value judges as a cluster does.
type JudgeOptions struct {
	// ChildOOM decides row 5. "": ChildOOMFail.
	ChildOOM ChildOOM `json:"child_oom,omitempty"`
	// Timeout is the attempt's limit of time, for the message.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Program is the command's first word, for the message.
	Program string `json:"program,omitempty"`
	// Asked are the resources as written, so that a hint can offer a whole
	// override: an override replaces all of them.
	Asked resources.Resources `json:"asked,omitzero"`
	// MaxMemory bounds the suggested limit, in bytes; 0: no bound is known.
	MaxMemory int64 `json:"max_memory,omitempty"`
	// StoppedBy says who asked for an abort: "SIGINT". May be empty.
	StoppedBy string `json:"-"`
}

// Judge says what an attempt's end means. It is a pure function of the facts:
// the first row of the verdict table that matches them.
func Judge(outcome sandbox.Outcome, opts JudgeOptions) Verdict {
	e := weigh(outcome, opts)
	for _, r := range table {
		if r.matches(e) {
			v := r.report(e)
			v.Row = r.number
			if outcome.LogError != "" {
				v.Hints = append(v.Hints, "the attempt's log is incomplete: "+outcome.LogError+"; the verdict does not rest on it")
			}
			return v
		}
	}
	// Not reached: the last row matches everything.
	return unknown(e)
}

// row is one line of the verdict table.
type row struct {
	number  int // as in the documentation's table
	name    string
	matches func(*evidence) bool
	report  func(*evidence) Verdict
}

// table is the verdict table; the first match wins. The order carries the
// meaning: what drydock did itself comes first, then what the kernel counted,
// and only then what exit codes and words suggest. 137 alone proves nothing.
var table = []row{
	{1, "stopped on request", (*evidence).aborted, aborted},
	{2, "ran out of time", (*evidence).timedOut, timedOut},
	{3, "no such image", (*evidence).imageMissing, imageMissing},
	{3, "devices not to be passed", (*evidence).noDevices, noDevices},
	{3, "memory limit below the runtime's own need", (*evidence).limitTooLow, limitTooLow},
	{3, "did not start", (*evidence).notStarted, notStarted},
	{9, "counters or exit status gone", (*evidence).factsGone, unknown},
	{4, "out of memory", (*evidence).oomFailed, outOfMemory},
	{5, "a child out of memory, exit 0", (*evidence).oomSurvived, childOutOfMemory},
	{6, "drydock's memory on this machine exhausted", (*evidence).ancestorOOM, machineMemory},
	{7, "this machine out of memory", (*evidence).hostOOM, hostMemory},
	{8, "out of memory and nothing could be killed", (*evidence).unkillable, unkillable},
	{9, "killed by somebody else", (*evidence).interrupted, interrupted},
	{10, "/dev/shm full", (*evidence).shmFull, sharedMemory},
	{11, "no huge page left", (*evidence).hugepages, hugepageLimit},
	{12, "disk used up", (*evidence).evicted, evicted},
	{12, "its own disk full", (*evidence).ownDiskFull, diskFull},
	{12, "the machine's disk full", (*evidence).hostDiskFull, hostDiskFull},
	{12, "its own disk full, probably", (*evidence).ownDiskProbably, diskFull},
	{13, "failed after a refused fork", (*evidence).forkRefused, pidsHint},
	{14, "failed after a refused allocation", (*evidence).allocationRefused, refusedAllocation},
	{15, "failed", (*evidence).failed, failed},
	{16, "succeeded", always, succeeded},
}

func always(*evidence) bool { return true }
