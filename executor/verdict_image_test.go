// SPDX-License-Identifier: Apache-2.0

package executor

import "drydock/sandbox"

// byEngine is an attempt of whose cgroups nothing could be read, so that the
// engine's word on a kill is all there is; bySample one without even that.
func byEngine(kills int64, x *sandbox.Exit) sandbox.Outcome {
	return v2(func(o *sandbox.Outcome) {
		o.Sandbox, o.Engine, o.Exit = "docker", "Docker Engine 28.5.2", x
		o.Counters = &sandbox.Counters{Evidence: sandbox.EvidenceEngine, CgroupVersion: 2, OOMKill: kills}
	})
}

func bySample(kills int64, x *sandbox.Exit) sandbox.Outcome {
	o := byEngine(kills, x)
	o.Counters.Evidence = sandbox.EvidenceSample
	return o
}

// noImage is an attempt that never came to its image.
func noImage(reason sandbox.StartReason, message, remedy string) sandbox.Outcome {
	return sandbox.Outcome{
		Image:      &sandbox.Image{Reference: "nobody/nothing:1"},
		StartError: &sandbox.StartError{Reason: reason, Message: message, Remedy: remedy},
	}
}

// imageVerdictCases are the ends that only an attempt with an image can have.
var imageVerdictCases = []verdictCase{
	// Row 3: the image is not to be had.
	{name: "no such image", row: 3, class: StartFailed, code: "ImagePullBackOff", kind: KindUser,
		says: "image nobody/nothing:1: manifest unknown", silent: "doctor",
		outcome: noImage(sandbox.StartImagePull, "manifest unknown", "")},
	{name: "no image's name", row: 3, class: StartFailed, code: "InvalidImageName", kind: KindUser, says: "write it in lower case",
		outcome: noImage(sandbox.StartImageName, "nobody/nothing:1 is no reference", "write it in lower case")},
	{name: "an image without a command", row: 3, class: StartFailed, code: "StartError", kind: KindUser, says: "write one after --", silent: "spelling",
		outcome: noImage(sandbox.StartNotFound, "no command specified", "")},
	{name: "aborted while the image came", row: 1, class: Aborted, code: "Aborted",
		outcome: func() sandbox.Outcome {
			o := noImage(sandbox.StartImagePull, "context canceled", "")
			o.Stops = []sandbox.Stop{stopped("abort", 1, "SIGTERM")}
			return o
		}()},

	// Row 9: facts that went with the container.
	{name: "the container removed by somebody else", row: 9, class: Unknown, code: "Unknown", kind: KindSystem,
		says:    "its container was gone before anybody could ask",
		outcome: v2(func(o *sandbox.Outcome) { o.Engine, o.Exit, o.Counters = "Docker Engine 28.5.2", nil, nil })},
	{name: "the container removed, its exit known", row: 9, class: Unknown, code: "Unknown", kind: KindSystem,
		says: "somebody may have removed the container",
		outcome: v2(func(o *sandbox.Outcome) {
			o.Engine, o.Exit, o.Counters = "Docker Engine 28.5.2", signaled("SIGKILL"), nil
		})},

	// Rows 4, 5 and 9 by a container engine's word, whose cgroups nobody could read.
	{name: "the engine's word", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		says: "out of memory, as Docker Engine 28.5.2 tells: a process of the task was killed at the memory limit of 64 MiB", silent: "probably", outcome: byEngine(1, signaled("SIGKILL"))},
	{name: "the engine's word, of no name and about a child", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		says:    "as the engine tells: a process of the task was killed",
		outcome: func() sandbox.Outcome { o := byEngine(1, exit(1)); o.Engine = ""; return o }()},
	{name: "the engine's word, exit 0", row: 5, class: OOM, code: "OOMKilled", kind: KindUser, says: "--child-oom=warn", outcome: byEngine(1, exit(0))},
	{name: "a guess: killed with the memory at the limit", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		says: "probably out of memory: the task was killed with its memory at the limit of 64 MiB", outcome: bySample(1, signaled("SIGKILL"))},
	{name: "a guess says how sure it is", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, says: "how sure that is: not very",
		outcome: bySample(1, exit(137))},
	{name: "a guess after a stop is none", row: 1, class: Aborted, code: "Aborted",
		outcome: func() sandbox.Outcome {
			o := bySample(1, signaled("SIGKILL"))
			o.Stops = []sandbox.Stop{stopped("abort", 5, "SIGTERM"), stopped("abort", 9, "SIGKILL")}
			return o
		}()},
	{name: "SIGKILL and the engine knows of no OOM", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		says: "Docker Engine 28.5.2 tells of no out-of-memory kill", outcome: byEngine(0, signaled("SIGKILL"))},
	{name: "SIGKILL far from the limit, and nobody to ask", row: 9, class: Interrupted, code: "Interrupted", kind: KindSystem,
		says: "its memory was not at its limit", outcome: bySample(0, signaled("SIGKILL"))},
}
