// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"drydock/resources"
	"drydock/sandbox"
)

// shmVerdictCases are the ends of attempts that have to do with /dev/shm.
var shmVerdictCases = []verdictCase{
	// Row 4: its pages are memory.
	{name: "shared memory that counted", row: 4, class: OOM, code: "OOMKilled", kind: KindUser, says: "/dev/shm",
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Memory.Last = &sandbox.Breakdown{Anon: 10 * mib, Shmem: 54 * mib}
		})},
	{name: "shared memory that no sample saw", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		says: "/dev/shm held 60 MiB of its 64 MiB, and its pages count as memory",
		outcome: v1(func(o *sandbox.Outcome) {
			oomV1(o)
			o.Shm = &sandbox.Shm{Size: 64 * mib, Used: 60 * mib, Peak: 60 * mib}
		})},
	{name: "shm full and OOM: the counter decides", row: 4, class: OOM, code: "OOMKilled", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) {
			oomV2(o)
			o.Shm.Peak, o.Tail = 16*mib, "Bus error"
		})},

	// Row 10: it was full, and rows 15 and 16: it may have been, or nobody minded.
	{name: "write to a full /dev/shm", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser, says: `shm="auto"`,
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Shm.Peak, o.Shm.Used = exit(1), 16*mib, 16*mib
			o.Tail = "dd: error writing '/dev/shm/x': No space left on device\n"
		})},
	{name: "the same, with what was used", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		says: "/dev/shm of 16 MiB was full, with 15.9 MiB used",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Shm.Peak, o.Tail = exit(1), 16*mib-100*1024, "OSError: [Errno 28] No space left on device"
		})},
	{name: "as large as the memory limit", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		says: `try flyte.Resources(memory="128Mi", shm="auto"): /dev/shm is as large as the memory limit already`,
		opts: JudgeOptions{Asked: resources.Resources{Memory: resources.Of("64Mi"), Shm: resources.Auto}},
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Shm = signaled("SIGBUS"), &sandbox.Shm{Size: 64 * mib, Peak: 64 * mib}
		})},
	{name: "the same on a machine that has no more", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		says: "no more than 64 MiB to give",
		opts: JudgeOptions{MaxMemory: 64 * mib},
		outcome: v2(func(o *sandbox.Outcome) {
			o.Exit, o.Shm = signaled("SIGBUS"), &sandbox.Shm{Size: 64 * mib, Peak: 64 * mib}
		})},
	{name: "nobody asked for shm", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser, says: "64 MiB on a cluster, too",
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak = signaled("SIGBUS"), 16*mib })},
	{name: "somebody did", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser, says: `shm="auto"`, silent: "on a cluster",
		opts:    JudgeOptions{Asked: resources.Resources{Shm: "16Mi"}},
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak = signaled("SIGBUS"), 16*mib })},
	{name: "an allocation refused as a whole, as PyTorch says it", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		says: "probably: no space left, and /dev/shm has only 16 MiB, of which 12 MiB were seen used",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Shm.Peak, o.Memory.Peak = exit(1), 12*mib, 40*mib
			o.Tail = "RuntimeError: unable to write to file </torch_9931_3149260800_0>: No space left on device (28)\n"
		})},
	{name: "the same with a memory peak that cannot have filled it", row: 15, class: Failed, code: "Error", kind: KindUser,
		says: "if it was /dev/shm",
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Memory.Peak = exit(1), 12*mib
			o.Tail = "RuntimeError: unable to allocate shared memory(shm) for file </torch_9931_3149260800_0>: No space left on device (28)\n"
		})},
	{name: "SIGBUS with a full /dev/shm", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser, silent: "probably",
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak = signaled("SIGBUS"), 16*mib })},
	{name: "a shell that passes 135 on", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak = exit(135), 16*mib-100_000 })},
	{name: "a data loader's worker", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Shm.Peak = exit(1), 16*mib
			o.Tail = "RuntimeError: DataLoader worker (pid 31) is killed by signal: Bus error. It is possible that …\n"
		})},
	{name: "a worker's exit code -7", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak, o.Tail = exit(1), 16*mib, "worker died: exitcode=-7" })},
	{name: "unlinked before anybody looked: probably", row: 10, class: Shm, code: "SharedMemoryExhausted", kind: KindUser, says: "probably",
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Memory.Peak = signaled("SIGBUS"), 18*mib })},
	{name: "SIGBUS with an empty /dev/shm", row: 15, class: Failed, code: "Error", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit = signaled("SIGBUS") })},
	{name: "/dev/full says ENOSPC", row: 15, class: Failed, code: "Error", kind: KindUser,
		says:    "it has 16 MiB, of which 0 B were seen used",
		outcome: v1(func(o *sandbox.Outcome) { o.Exit, o.Tail = exit(1), "sh: echo: I/O error: No space left on device\n" })},
	{name: "ENOSPC is not told by a memory peak", row: 15, class: Failed, code: "Error", kind: KindUser,
		outcome: v1(func(o *sandbox.Outcome) {
			o.Exit, o.Tail, o.Memory.Peak = exit(1), "No space left on device", 40*mib
		})},
	{name: "a full /dev/shm and another failure", row: 15, class: Failed, code: "Error", kind: KindUser,
		says:    `/dev/shm of 16 MiB was full at one time; if that is why it failed, try flyte.Resources(cpu=1, memory="64Mi", shm="auto")`,
		outcome: v2(func(o *sandbox.Outcome) { o.Exit, o.Shm.Peak = exit(3), 16*mib })},
	{name: "a full /dev/shm and success", row: 16, class: Succeeded, says: "went on without what did not fit",
		outcome: v2(func(o *sandbox.Outcome) { o.Shm.Peak, o.Tail = 16*mib, "No space left on device" })},
	{name: "a full /dev/shm, and nobody minded", row: 16, class: Succeeded, silent: "/dev/shm",
		outcome: v2(func(o *sandbox.Outcome) { o.Shm.Peak = 16 * mib })},
	{name: "no /dev/shm known", row: 15, class: Failed, code: "Error", kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { o.Shm, o.Exit = nil, signaled("SIGBUS") })},
}
