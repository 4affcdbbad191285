// SPDX-License-Identifier: Apache-2.0

package fidelity

// The reasons, in the page's order.
var (
	wholeTask = &Reason{"The whole task ends with its first victim",
		"cgroup v1 has no group kill, so that a kubelet there lets the main process go on, and calls the pod Succeeded. " +
			"Clusters are on cgroup v2, where the first victim takes the container along; drydock does that on v1, too, a moment later, and says `emulated`. " +
			"`singleProcessOOMKill` in the [profile](reproduce-an-oom.md#the-clusters-own-rules) turns it off: see `single-child-…`."}
	survivedOOM = &Reason{"A survived out-of-memory fails the task",
		"A pod may be Succeeded although its container's reason is OOMKilled. Flyte fails such a task, and so does drydock; `--child-oom=warn` makes it a warning."}
	toldApart = &Reason{"Whose memory ran out is told",
		"When all tasks together use up what they may have, a kubelet evicts the pod, and the kernel's kill is lost behind `ContainerStatusUnknown`. " +
			"drydock reports the kill, and that it was not for the task's own limit (`MachineMemoryExhausted`, kind system)."}
	atOnce = &Reason{"A limit that is too low is refused at once",
		"Below about 7 MiB a pod neither fails nor starts: it stays Pending, and only an event tells why. drydock says `MemoryLimitTooLow` and ends. " +
			"Its own runtime needs about 3 MiB where runc and the pause container need 7, so that a small program may run within 3 to 6 MiB that would hang on a cluster. " +
			"A note at the start says so for every limit below 7Mi."}
	otherWords = &Reason{"Flyte's words and a shell's exit codes",
		"drydock uses the codes that Flyte makes of a pod's end (`TaskTimeoutError` for `DeadlineExceeded`), and exits with 127 and 126 where a shell would for a command that is not found or not executable."}
	evictionNamed = &Reason{"An eviction is called by its name",
		"A kubelet that evicts a pod loses sight of its container, which ends as `ContainerStatusUnknown`; Flyte makes `Interrupted` of its 137, a system error, and only the message tells of the disk. " +
			"drydock says `Evicted`, kind user, with the kubelet's message, the largest directories, and that a cluster shows it otherwise. It looks at least every 10 s, as a kubelet does, and oftener where that costs less than 1 % of the time."}
	noMessage = &Reason{"No termination message",
		"A kubelet makes what a container writes to `/dev/termination-log` its message. Flyte's own programs write nothing there: they upload their error. " +
			"Here the file is an ordinary one of the private `/dev`, which root inside can make and nobody reads; what a task prints last is in its report, as on a cluster where the file is empty (`fallback-oom`). Print what matters to the standard error."}
	workstation = &Reason{"A task goes before the programs beside it",
		"On a node `oom_score_adj` follows from the pod's class. On a workstation a shortage of memory should cost the task and not the editor beside it: 500. It plays no part at the task's own limit."}
	filledIn = &Reason{"Flyte fills in what is not asked",
		"The pod was written by hand, without CPU. A Flyte task always has some: the profile's defaults, 1 CPU and 1Gi, and a limit where only a request was written. So has a task here."}
	oneGroup = &Reason{"One group in place of two",
		"A kubelet limits the pod, and the container sees only its own, inner group. drydock has no pause container and shows the limits on processes and huge pages where they are. " +
			"On cgroup v2 the memory limit and the group kill sit on a group that drydock owns; the one inside, which a program sees, is a page larger, so that an out-of-memory is always the owner's; with a container engine it is so on v1, too, and swap is limited on the owner alone. " +
			"A fork bomb ends at 32768 processes where a node sets no `podPidsLimit`."}
	harmless = &Reason{"Stricter where no task minds",
		"No new privileges, a seccomp filter (moby's default profile), no `CAP_MKNOD`, `CAP_NET_RAW` and `CAP_AUDIT_WRITE`, and a `/dev/shm` without set-uid programs and devices. " +
			"`security: {capabilities: cluster}` in the [profile](reproduce-an-oom.md#the-clusters-own-rules) gives the cluster's capabilities and set-uid programs; the filter stays."}
	ownMachine = &Reason{"The machine's own",
		"A task runs on this machine's root file system and network, and as its caller: host name, name resolution, ports and kernel settings are the machine's, and the environment is inherited (`--clean-env` turns that off; tasks of Flyte programs never inherit it)."}
	openFiles = &Reason{"As many open files as the machine gives",
		"Nodes differ: where containerd runs with systemd's defaults the soft limit is 1024, as on the node that was asked; many images of nodes raise it to 1048576. " +
			"A task here gets the hard limit, at most 1048576, so that none fails for a number that another node would not have. `ulimit -Sn 1024` before the program shows what it does with less."}
	userNamespace = &Reason{"A user namespace in place of root",
		"Without root a task lives in a user namespace: root inside is the caller, and the ids in mount options are the machine's for those inside. " +
			"The kernel overlays no directory there that has mounts below it, so that `/` is a bare directory and each directory in it has a layer of its own. See [rootless](rootless.md)."}
	engines = &Reason{"The container engine's own",
		"What an engine lays down for every container stays as it is: a `/dev/shm` without set-uid programs, devices and executables, the list of hidden files of its version (Docker 20.10 shows `/proc/interrupts`), and the `cpu.weight` that its runtime makes of a request: " +
			"39 for one CPU with runc before 1.3.2, where the kubelet's and drydock's own have 100. Between tasks the weight of the group that drydock owns counts, which is the same in every sandbox."}

	reasons = []*Reason{wholeTask, survivedOOM, toldApart, atOnce, otherWords, evictionNamed, noMessage, workstation, filledIn, oneGroup, harmless, ownMachine, openFiles, userNamespace, engines}
)
