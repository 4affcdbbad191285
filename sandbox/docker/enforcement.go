// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
)

// Enforcement implements sandbox.Reporter: how each limit of the spec is held
// by this engine.
func (s *Sandbox) Enforcement(spec sandbox.Spec) []sandbox.Enforcement {
	return s.enforcement(spec, "")
}

// enforcement knows how the devices are passed, too.
func (s *Sandbox) enforcement(spec sandbox.Spec, w way) []sandbox.Enforcement {
	info := s.engine.Info()
	return append(enforcement(info, s.host, spec), deviceEnforcement(info, spec.Accelerators, w)...)
}

func enforcement(info engine.Info, host hostAccess, spec sandbox.Spec) []sandbox.Enforcement {
	var t table
	t.add("memory", info.MemoryLimit || host.owned, "the engine's machine has no memory controller for containers")
	t.add("swap", info.SwapLimit || info.CgroupVersion == 2 || info.Local && !cgroup.SwapHere(), "the engine's kernel does not account swap (boot with swapaccount=1): an OOM can be hidden by swapping")
	if spec.Limits.GroupKill {
		t = append(t, groupKill(host))
	}
	if !host.owned {
		t = append(t, evidenceNote(host.why))
	}
	t.add("cpu", info.CPUQuota && info.CPUShares, "the engine's machine has no cpu controller for containers: the task may use every core")
	t.add("pids", info.PidsLimit, "the engine's machine has no pids controller for containers: a fork bomb is not contained")
	t.add("shm", true, "")
	t.add("hugepages", host.owned && host.hierarchy.Has("hugetlb") || info.Local && !cgroup.HugePagesHere(), "an engine cannot be told to forbid huge pages: where the machine has some MAP_HUGETLB works, on a cluster it fails with ENOMEM")
	if spec.Network == sandbox.NetworkHost {
		t.add("abstract-sockets", false, "the network is the host's: abstract sockets such as D-Bus's can be reached")
	}
	t = append(t, diskEnforcement(info, spec)...)
	t.add("mounts", info.Local || len(spec.Mounts) == 0, foreignPaths)
	t.add("users", !info.UsernsRemap, "the engine maps users (userns-remap): root inside cannot write into mounted directories of yours")
	return t
}

// foreignPaths is what binding a path means to an engine that is not here.
const foreignPaths = "what is bound is looked up where the engine runs: there the same path can be something else, or nothing"

// table is a table of enforcements.
type table []sandbox.Enforcement

// add adds a row that is enforced, or says why not. What is only worth a word
// when it is missing is not named otherwise.
func (t *table) add(limit string, ok bool, why string) {
	switch {
	case !ok:
		*t = append(*t, sandbox.Enforcement{Limit: limit, State: sandbox.NotEnforced, Why: why})
	case limit != "users" && limit != "mounts":
		*t = append(*t, sandbox.Enforcement{Limit: limit, State: sandbox.Enforced})
	}
}

// groupKill says how the rest of an attempt goes with an OOM victim.
func groupKill(host hostAccess) sandbox.Enforcement {
	e := sandbox.Enforcement{Limit: "group-kill", State: sandbox.Emulated}
	switch {
	case !host.owned:
		e.Why = "an engine has no word for memory.oom.group, and drydock cannot set it (" + host.why + "): the supervisor ends the rest when the engine tells of the first victim"
	case host.hierarchy.Version == 1:
		e.Why = "cgroup v1 has no memory.oom.group: the supervisor ends the rest a moment after the first victim"
	default:
		e.State = sandbox.Enforced
	}
	return e
}

// evidenceNote says that an OOM is told by the engine's word, and why.
func evidenceNote(why string) sandbox.Enforcement {
	return sandbox.Enforcement{Limit: "oom-evidence", State: sandbox.Emulated,
		Why: "the engine's word, not the kernel's counters, says what ran out of memory: " + why}
}
