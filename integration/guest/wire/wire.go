// SPDX-License-Identifier: Apache-2.0

// Package wire is what the test harness and its agent inside the guest say to
// each other: a Plan lies in the guest's payload, and Frames come back as lines
// of JSON over a port.
package wire

import "time"

// PlanFile is the plan in the payload.
const PlanFile = "plan.json"

// Payload is where the guest mounts the payload.
const Payload = "/payload"

// Keep is where the guest mounts a disk that outlives it.
const Keep = "/keep"

// Port is the name of the virtio port that takes the frames.
const Port = "drydock"

// Plan is all that the guest does.
type Plan struct {
	// Systemd starts systemd as the first process and runs the jobs in a
	// service of it; otherwise the agent is the first process.
	Systemd bool `json:"systemd,omitempty"`
	// Swap makes swap space of the third disk, and leaves it off.
	Swap bool `json:"swap,omitempty"`
	// Quota is the file system of the third disk, "xfs" or "ext4", which is
	// mounted on /tmp with quotas for projects; "": there is none.
	Quota string `json:"quota,omitempty"`
	// Kept mounts the third disk on Keep.
	Kept bool  `json:"kept,omitempty"`
	Jobs []Job `json:"jobs"`
}

// Job is a program that the guest runs, one after the other.
type Job struct {
	Name string   `json:"name"`
	Args []string `json:"args"` // Args[0] is an absolute path
	Env  []string `json:"env,omitempty"`
	Dir  string   `json:"dir,omitempty"`

	Limit time.Duration `json:"limit"`
}

// Frame is one message from the guest. One of the fields is set.
type Frame struct {
	Hello *Hello  `json:"hello,omitempty"`
	Out   *Output `json:"out,omitempty"`
	End   *End    `json:"end,omitempty"`
	Fatal string  `json:"fatal,omitempty"`
	Bye   bool    `json:"bye,omitempty"`
}

// Hello is said once the guest is ready for the jobs.
type Hello struct {
	Kernel string  `json:"kernel"`
	Clock  string  `json:"clock"`
	Uptime float64 `json:"uptime"` // seconds since the kernel's start
}

// Output is a piece of a job's output.
type Output struct {
	Job  int    `json:"job"`
	Data []byte `json:"data"`
}

// End is the end of a job.
type End struct {
	Job   int    `json:"job"`
	Exit  int    `json:"exit"`
	Error string `json:"error,omitempty"` // why it could not be run, or was killed
}
