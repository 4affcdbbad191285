// SPDX-License-Identifier: Apache-2.0

package executor

import "drydock/sandbox"

// held is a task that may take 64 MiB of disk, where a write beyond it fails,
// and was seen to take so much of it.
func held(o *sandbox.Outcome, peak int64) {
	o.Exit, o.Tail = exit(1), "dd: error writing '/tmp/x': No space left on device\n"
	o.Shm = &sandbox.Shm{Size: 64 * mib}
	o.Disk = &sandbox.Disk{Limit: 64 * mib, Used: peak, Peak: peak, Layer: peak, Held: peak, Largest: []sandbox.DirUse{{Path: "/tmp", Bytes: peak}},
		Hard: []sandbox.HardDisk{{Way: "loop", Size: 64 * mib, Used: peak, Peak: peak}}}
}

// evictable is one that is polled.
func evictable(o *sandbox.Outcome, peak int64) {
	held(o, peak)
	o.Disk.Hard, o.Disk.Held = nil, 0
}

func hostFull(o *sandbox.Outcome) {
	o.FullDisks = []sandbox.FullDisk{{Path: "/var/lib/drydock", Size: 100 << 30, Free: 4096}}
}

// diskVerdictCases are the ends of attempts that have to do with a full disk.
var diskVerdictCases = []verdictCase{
	{name: "its own", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: `disk="128Mi"`, silent: "machine's",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 64*mib); o.Disk.Log, o.Disk.Used = 4096, 64*mib+4096 })},
	{name: "its own, by a quota of ext4's", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "64 MiB of the 64Mi",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 64*mib); o.Tail = "OSError: [Errno 122] Disk quota exceeded" })},
	{name: "its own, and it said nothing", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "exit code 1",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 64*mib); o.Tail = "" })},
	{name: "its own, but for the last large piece", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "61 MiB of the 64Mi", silent: "probably",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 61*mib) })},
	{name: "nearly full, and it said nothing", row: 15, class: Failed, code: CodeError, kind: KindUser, silent: "own disk",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 61*mib); o.Tail = "" })},
	{name: "its own, by mmap and not /dev/shm", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "SIGBUS", silent: "shared memory",
		outcome: v2(func(o *sandbox.Outcome) {
			held(o, 64*mib)
			o.Exit, o.Tail, o.Memory.Peak = signaled("SIGBUS"), "", 80*mib
		})},
	{name: "its own, by the number of files", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "inode",
		outcome: v2(func(o *sandbox.Outcome) { held(o, mib); o.Disk.Hard[0].NoFiles = true })},
	{name: "an allocation that was refused as a whole", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "probably",
		outcome: v2(func(o *sandbox.Outcome) { held(o, mib) })},
	{name: "its own and the machine's: its own came first", row: 12, class: Failed, code: CodeDiskFull, kind: KindUser, says: "the task's own disk was full",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 64*mib); hostFull(o) })},
	{name: "the machine's, under a hard limit", row: 12, class: Failed, code: CodeHostDiskFull, kind: KindSystem, says: "not the task's", silent: "disk=\"",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 10*mib); hostFull(o) })},
	{name: "the machine's, polled", row: 12, class: Failed, code: CodeHostDiskFull, kind: KindSystem, says: "4 KiB left of 100 GiB where /var/lib/drydock lies", silent: "disk=\"",
		outcome: v2(func(o *sandbox.Outcome) { evictable(o, 10*mib); hostFull(o) })},
	{name: "the machine's, no limit asked", row: 12, class: Failed, code: CodeHostDiskFull, kind: KindSystem, says: "state directory",
		outcome: v2(func(o *sandbox.Outcome) { evictable(o, 0); o.Disk = nil; hostFull(o) })},
	{name: "the machine's, and it wrote more than it may", row: 12, class: Failed, code: CodeHostDiskFull, kind: KindSystem, says: "of its own 64Mi the task used 70 MiB",
		outcome: v2(func(o *sandbox.Outcome) { evictable(o, 70*mib); hostFull(o) })},
	{name: "the machine's, and it said nothing of it", row: 15, class: Failed, code: CodeError, kind: KindUser, says: "the machine's disk was full while it ran",
		outcome: v2(func(o *sandbox.Outcome) { evictable(o, mib); o.Tail = ""; hostFull(o) })},
	{name: "the machine's, and it was /dev/shm that had no room", row: 15, class: Failed, code: CodeError, kind: KindUser, says: "if it was /dev/shm",
		outcome: v2(func(o *sandbox.Outcome) {
			evictable(o, mib)
			o.Tail = "RuntimeError: unable to allocate shared memory(shm) for file </torch_7_1>: No space left on device (28)"
			hostFull(o)
		})},
	{name: "exit 0, and what it wrote never reached the machine's", row: 12, class: Failed, code: CodeHostDiskFull, kind: KindSystem, says: "is lost",
		outcome: v2(func(o *sandbox.Outcome) {
			held(o, 10*mib)
			o.Exit, o.Tail = exit(0), ""
			o.Disk.Hard[0].Lost = true
			hostFull(o)
		})},
	{name: "no room, and nobody's disk was full", row: 15, class: Failed, code: CodeError, kind: KindUser, silent: "disk was full",
		outcome: v2(func(o *sandbox.Outcome) { evictable(o, mib) })},
	{name: "/dev/shm was", row: 10, class: Shm, code: CodeSharedMemory, kind: KindUser,
		outcome: v2(func(o *sandbox.Outcome) { held(o, mib); o.Shm.Used, o.Shm.Peak = 64*mib, 64*mib })},
	{name: "it went on with its own full", row: 16, class: Succeeded, says: "it went on",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 64*mib); o.Exit = exit(0) })},
	{name: "at its limit with its log", row: 16, class: Succeeded, silent: "evicts what runs then",
		outcome: v2(func(o *sandbox.Outcome) { held(o, 60*mib); o.Exit, o.Tail = exit(0), ""; o.Disk.Peak += 10 * mib })},
	{name: "measured in part, by a name that is meant for a terminal", row: 16, class: Succeeded, says: `in full: "/tmp/\x1b[2J: permission denied"`, silent: "\x1b",
		outcome: v2(func(o *sandbox.Outcome) {
			evictable(o, mib)
			o.Exit, o.Tail, o.Disk.Incomplete = exit(0), "", "/tmp/\x1b[2J: permission denied"
		})},
	{name: "evicted for its log", row: 12, class: Evicted, code: CodeEvicted, kind: KindUser, says: "exceeds the total limit",
		outcome: v2(func(o *sandbox.Outcome) {
			held(o, 64*mib)
			o.Exit, o.Stops = signaled("SIGKILL"), []sandbox.Stop{stopped("evict", 5, "SIGKILL")}
		})},
}
