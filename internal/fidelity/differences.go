// SPDX-License-Identifier: Apache-2.0

package fidelity

import "slices"

var (
	insides = []string{"info", "restricted"}
	asks    = []string{"res-none", "res-mem-req", "res-mem-lim", "res-mem-both", "res-guaranteed"}
	shms    = []string{"shm-default", "shm-sized/write", "shm-auto", "shm-big"}
	noCPU   = []string{"res-none", "res-mem-req", "res-mem-lim", "res-mem-both"}
	tooLows = []string{"lim-1mi", "lim-2mi", "lim-3mi", "lim-4mi", "lim-6mi"}
	inGroup = slices.Concat(asks, insides)

	natives  = []string{"native-v1", "native-v2", "rootless"}
	rootless = []string{"rootless"}
	dockers  = []string{"docker-v1", "docker-v2"}
)

// Differences are all that drydock does otherwise on purpose.
var Differences = slices.Concat(ends, groups, views)

// ends are about how a task ends and what is said about it.
var ends = []Difference{
	{IDs: []string{"oom-child-bg"}, Fact: "exit", Cgroup: 1, Got: []string{"137"}, Reason: wholeTask},
	{IDs: []string{"oom-child-bg"}, Fact: "output", Cgroup: 1, Got: []string{""}, Reason: wholeTask},
	// The moment between the two kills is a long one on a busy machine: a shell
	// that has nothing else to do may say so and end by itself.
	{IDs: []string{"oom-child-exit0", "oom-child-exit3", "shm-auto"}, Fact: "exit", Cgroup: 1, Got: []string{"137"}, Reason: wholeTask, May: true},
	{IDs: []string{"oom-child-exit0", "oom-child-exit3", "shm-auto"}, Fact: "output", Cgroup: 1, Got: []string{""}, Reason: wholeTask, May: true},
	{IDs: []string{"fallback-oom"}, Fact: "last words", Cgroup: 1, Got: []string{"before\nKilled"}, Reason: wholeTask, May: true},
	{IDs: []string{"oom-child-exit0", "oom-child-bg", "shm-auto"}, Fact: "phase", Cgroup: 1, Got: []string{"Failed"}, Reason: wholeTask},
	{IDs: []string{"single-child-exit0"}, Fact: "phase", Got: []string{"Failed"}, Reason: survivedOOM},
	{IDs: []string{"allocatable"}, Fact: "reason", Got: []string{"MachineMemoryExhausted"}, Reason: toldApart},
	{IDs: []string{"allocatable"}, Fact: "pod reason", Got: []string{absent}, Reason: toldApart},
	// How much the runtime needs in the task's own group is the kernel's to say.
	{IDs: tooLows, Fact: "reason", Got: []string{"MemoryLimitTooLow", "Completed"}, Reason: atOnce},
	{IDs: tooLows, Fact: "phase", Got: []string{"Failed", "Succeeded"}, Reason: atOnce},
	{IDs: []string{"deadline", "deadline-nice"}, Fact: "pod reason", Got: []string{"TaskTimeoutError"}, Reason: otherWords},
	{IDs: []string{"start-nofile"}, Fact: "exit", Got: []string{"127"}, Reason: otherWords},
	{IDs: []string{"start-noexec"}, Fact: "exit", Got: []string{"126"}, Reason: otherWords},
	{IDs: []string{"eph-layer", "eph-trap", "eph-logs"}, Fact: "reason", Got: []string{"Evicted"}, Reason: evictionNamed},
	{IDs: []string{"termlog"}, Fact: "message", Got: []string{"none"}, Reason: noMessage},
}

// groups are about cgroup files and what the kernel is told about a task.
var groups = []Difference{
	{IDs: inGroup, Fact: "oom_score_adj", Got: []string{"500"}, Reason: workstation},
	{IDs: inGroup, Fact: "pids.max", Got: []string{"32768"}, Reason: oneGroup},
	{IDs: []string{"pids"}, Fact: "pids.max", Got: []string{"64"}, Reason: oneGroup},
	{IDs: []string{"pids"}, Fact: "started", Got: []string{"62"}, Reason: oneGroup},
	{IDs: inGroup, Fact: "hugetlb.2MB.max", On: natives, Got: []string{"0", absent}, Reason: oneGroup},
	{IDs: inGroup, Fact: "hugetlb.2MB.limit_in_bytes", Got: []string{"0", absent}, Reason: oneGroup},
	{IDs: inGroup, Fact: "memory.oom.group", Got: []string{"0"}, Reason: oneGroup},
	{IDs: []string{"res-mem-lim", "res-mem-both", "res-guaranteed", "info", "restricted"}, Fact: "memory.max", Got: []string{"67112960"}, Reason: oneGroup},
	{IDs: []string{"res-mem-both", "info"}, Fact: "memory.limit_in_bytes", Cgroup: 1, On: dockers, Got: []string{"67112960"}, Reason: oneGroup},
	{IDs: []string{"res-mem-both", "info"}, Fact: "memory.memsw.limit_in_bytes", Cgroup: 1, On: dockers, Got: []string{"67112960"}, Reason: oneGroup},
	{IDs: []string{"res-mem-lim"}, Fact: "memory.swap.max", On: dockers, Got: []string{"max"}, Reason: oneGroup},
	{IDs: []string{"res-none"}, Fact: "memory.max", Got: []string{"1073745920"}, Reason: filledIn},
	{IDs: []string{"res-mem-req"}, Fact: "memory.max", Got: []string{"67112960"}, Reason: filledIn},
	{IDs: noCPU, Fact: "cpu.shares", Got: []string{"1024"}, Reason: filledIn},
	{IDs: noCPU, Fact: "cpu.cfs_quota_us", Got: []string{"100000"}, Reason: filledIn},
	{IDs: noCPU, Fact: "cpu.weight", On: natives, Got: []string{"100"}, Reason: filledIn},
	{IDs: noCPU, Fact: "cpu.weight", On: dockers, Got: []string{"39"}, Reason: filledIn}, // engines' curve
	{IDs: []string{"res-guaranteed", "info", "restricted"}, Fact: "cpu.weight", On: dockers, Got: []string{"20"}, Reason: engines},
	{IDs: []string{"cpu-requests"}, Fact: "cpu.weight of 100m", On: dockers, Got: []string{"4"}, Reason: engines},
	{IDs: []string{"cpu-requests"}, Fact: "cpu.weight of 250m", On: dockers, Got: []string{"10"}, Reason: engines},
	{IDs: []string{"cpu-requests"}, Fact: "cpu.weight of 1", On: dockers, Got: []string{"39"}, Reason: engines},
	{IDs: noCPU, Fact: "cpu.max", Got: []string{"100000 100000"}, Reason: filledIn},
}

// views are about what a program sees.
var views = []Difference{
	{IDs: shms, Fact: "options", Got: []string{"rw,nosuid,nodev,relatime"}, Reason: harmless},
	{IDs: insides, Fact: "mount /dev/shm", Got: []string{"tmpfs rw,nosuid,nodev,relatime size=65536k"}, Reason: harmless},
	{IDs: []string{"info"}, Fact: "CapPrm", Got: []string{"800405fb"}, Reason: harmless},
	{IDs: []string{"info"}, Fact: "CapEff", Got: []string{"800405fb"}, Reason: harmless},
	{IDs: []string{"info"}, Fact: "CapBnd", Got: []string{"800405fb"}, Reason: harmless},
	{IDs: []string{"info"}, Fact: "NoNewPrivs", Got: []string{"1"}, Reason: harmless},
	{IDs: []string{"info"}, Fact: "Seccomp", Got: []string{"2"}, Reason: harmless},
	{IDs: insides, Fact: "hostname", On: natives, Got: []string{"the machine's"}, Reason: ownMachine},
	{IDs: insides, Fact: "mount /etc/hostname", On: natives, Got: []string{"none: the machine's own"}, Reason: ownMachine},
	{IDs: insides, Fact: "mount /etc/hosts", On: natives, Got: []string{"none: the machine's own"}, Reason: ownMachine},
	{IDs: insides, Fact: "mount /etc/resolv.conf", On: natives, Got: []string{"none: the machine's own"}, Reason: ownMachine},
	{IDs: insides, Fact: "namespace net", On: natives, Got: []string{"node"}, Reason: ownMachine},
	{IDs: insides, Fact: "ip_unprivileged_port_start", On: natives, Got: []string{"the machine's"}, Reason: ownMachine},
	{IDs: insides, Fact: "/proc/sys/vm/overcommit_memory", Got: []string{"the machine's"}, Reason: ownMachine},
	{IDs: insides, Fact: "HOME", On: natives, Got: []string{"the caller's"}, Reason: ownMachine},
	{IDs: insides, Fact: "HOSTNAME", On: natives, Got: []string{"as the caller has it"}, Reason: ownMachine},
	{IDs: insides, Fact: "the node's environment", On: natives, Got: []string{"inherited"}, Reason: ownMachine},
	{IDs: insides, Fact: "open files, soft", Got: []string{"the hard limit, at most 1048576"}, Reason: openFiles},
	{IDs: insides, Fact: "mount /dev/termination-log", Got: []string{"none: the machine's own"}, Reason: noMessage},
	{IDs: insides, Fact: "/dev", Got: []string{"core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"}, Reason: noMessage},
	{IDs: shms, Fact: "options", On: dockers, Got: []string{"rw,nosuid,nodev,noexec,relatime"}, Reason: engines},
	{IDs: insides, Fact: "mount /dev/shm", On: dockers, Got: []string{"tmpfs rw,nosuid,nodev,noexec,relatime size=65536k"}, Reason: engines},
	{IDs: insides, Fact: "hidden", On: dockers, Got: []string{"all but /proc/interrupts"}, Reason: engines, May: true},
	{IDs: insides, Fact: "namespace user", On: rootless, Got: []string{"own"}, Reason: userNamespace},
	{IDs: insides, Fact: "mount /", On: rootless, Got: []string{"ext4 rw,relatime"}, Reason: userNamespace},
	{IDs: insides, Fact: "mount /dev", On: rootless, Got: []string{"tmpfs rw,nosuid size=65536k,mode=755,gid=1000"}, Reason: userNamespace},
	{IDs: insides, Fact: "mount /dev/pts", On: rootless, Got: []string{"devpts rw,nosuid,noexec,relatime gid=100004,mode=620,ptmxmode=666"}, Reason: userNamespace},
	{IDs: insides, Fact: "mount /dev/shm", On: rootless, Got: []string{"tmpfs rw,nosuid,nodev,relatime size=65536k,gid=1000"}, Reason: harmless},
}
