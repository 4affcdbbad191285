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
			"Its own runtime needs less than runc and the pause container do, so that a limit of 3 to 6 MiB may be enough for a small program, which would hang on a cluster."}
	otherWords = &Reason{"Flyte's words and a shell's exit codes",
		"drydock uses the codes that Flyte makes of a pod's end (`TaskTimeoutError` for `DeadlineExceeded`), and exits with 127 and 126 where a shell would for a command that is not found or not executable."}
	noMessage = &Reason{"No termination message",
		"Text in `/dev/termination-log` becomes the container's message, and part of Flyte's error. Here nobody reads it. The last lines of the output, which stand in for it where it is empty, are kept."}
	workstation = &Reason{"A task goes before the programs beside it",
		"On a node `oom_score_adj` follows from the pod's class. On a workstation a shortage of memory should cost the task and not the editor beside it: 500. It plays no part at the task's own limit."}
	filledIn = &Reason{"Flyte fills in what is not asked",
		"The pod was written by hand, without CPU. A Flyte task always has some: the profile's defaults, 1 CPU and 1Gi, and a limit where only a request was written. So has a task here."}
	oneGroup = &Reason{"One group in place of two",
		"A kubelet limits the pod, and the container sees only its own, inner group. drydock has no pause container and shows the limits on processes and huge pages where they are. " +
			"On cgroup v2 the memory limit and the group kill sit on a group that drydock owns; the one inside, which a program sees, is a page larger, so that an out-of-memory is always the owner's. " +
			"A fork bomb ends at 32768 processes where a node sets no `podPidsLimit`."}
	harmless = &Reason{"Stricter where no task minds",
		"No new privileges, a seccomp filter (moby's default profile), no `CAP_MKNOD`, `CAP_NET_RAW` and `CAP_AUDIT_WRITE`, and a `/dev/shm` without set-uid programs and devices."}
	ownMachine = &Reason{"The machine's own",
		"A task runs on this machine's root file system and network, and as its caller: host name, name resolution, ports, kernel settings and groups are the machine's, and the environment is inherited (`--clean-env` turns that off; tasks of Flyte programs never inherit it)."}
	openFiles = &Reason{"As many open files as the machine gives",
		"Nodes differ: containerd's own unit leaves systemd's 1024, many images of nodes raise it. drydock raises the soft limit to the hard one, at most 1048576."}

	reasons = []*Reason{wholeTask, survivedOOM, toldApart, atOnce, otherWords, noMessage, workstation, filledIn, oneGroup, harmless, ownMachine, openFiles}
)
