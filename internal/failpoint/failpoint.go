// SPDX-License-Identifier: Apache-2.0

// Package failpoint names the steps at which a kill leaves something else
// behind, so that tests can kill drydock and its supervisors at each of them.
//
// Only programs built with the tag failpoint (make build TAGS=failpoint) die
// at a step. In all others At does nothing, and no environment variable is
// looked at: nobody can make an installed drydock die.
package failpoint

// Step is a point that a process has come to: what its name says is done.
type Step string

// Variable is the environment variable that names the steps to die at, with
// commas between. A process dies at the first that it comes to.
const Variable = "DRYDOCK_FAILPOINT"

// TombVariable names the directory in which whoever dies leaves a file with the
// step's name and its process id.
const TombVariable = "DRYDOCK_FAILPOINT_TOMB"

// Steps of a drydock that runs a task, in order.
const (
	TaskDir           Step = "task-dir"
	Draft             Step = "draft" // of the first document
	TaskRecorded      Step = "task-recorded"
	Claimed           Step = "claimed"
	AttemptDir        Step = "attempt-dir"
	DemandRecorded    Step = "demand-recorded"
	ImageReady        Step = "image-ready" // of a task with an image
	SpecRecorded      Step = "spec-recorded"
	LeaseDrafted      Step = "lease-drafted"
	LeaseTaken        Step = "lease-taken"
	SupervisorStarted Step = "supervisor-started"
	ConfigSent        Step = "config-sent"
	StartTold         Step = "start-told" // to drydock
	OutcomeRead       Step = "outcome-read"
	Judged            Step = "judged"
	VerdictRecorded   Step = "verdict-recorded"
	ClaimReleased     Step = "claim-released"
	RetryDecided      Step = "retry-decided" // of a task that is tried again
	EndRecorded       Step = "end-recorded"
)

// Steps of a supervisor, in order.
const (
	ConfigRead       Step = "config-read"
	SocketBound      Step = "socket-bound"
	Listening        Step = "listening"
	EngineReached    Step = "engine-reached" // of a task with an image
	CgroupMade       Step = "cgroup-made"
	RootfsMounted    Step = "rootfs-mounted" // of a task without
	ShmMounted       Step = "shm-mounted"    // of a task without
	ContainerCreated Step = "container-created"
	ContainerStarted Step = "container-started" // without an image: up to the program's execve
	Attached         Step = "attached"          // of a task with an image
	Executed         Step = "executed"
	Exited           Step = "exited"
	Settled          Step = "settled"
	ContainerRemoved Step = "container-removed" // of a task with an image
	TornDown         Step = "torn-down"
	OutcomeDrafted   Step = "outcome-drafted"
	OutcomeWritten   Step = "outcome-written"
	ScratchRemoved   Step = "scratch-removed"
	LeaseRemoved     Step = "lease-removed"
)

// JudgeBegun is a step of the process that judges an attempt nobody waited for.
// It has VerdictRecorded and EndRecorded, too.
const JudgeBegun Step = "judge-begun"

// PruneBegun is a step of drydock prune: a task's directory has lost its name.
const PruneBegun Step = "prune-begun"
