// SPDX-License-Identifier: Apache-2.0

package native

import (
	"os"
	"path/filepath"
	"slices"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/native/shimapi"
)

// Enforcement implements sandbox.Reporter: how each limit of the spec is held
// on this machine.
func (s *Sandbox) Enforcement(spec sandbox.Spec) []sandbox.Enforcement {
	table := s.hostEnforcement()
	if !spec.Limits.GroupKill {
		table = slices.DeleteFunc(table, func(e sandbox.Enforcement) bool { return e.Limit == "group-kill" })
	}
	if spec.Network != sandbox.NetworkNone && !shimapi.CanScopeAbstractSockets() {
		table = append(table, sandbox.Enforcement{Limit: "abstract-sockets", State: sandbox.NotEnforced, Why: "the network is the host's and this kernel is before 6.12: abstract sockets such as D-Bus's can be reached"})
	}
	table = append(table, s.diskEnforcement(spec)...)
	table = append(table, s.deviceEnforcement(spec)...)
	table = append(table, s.userEnforcement(spec)...)
	table = append(table, overlayNote(spec.Dir, s.ids != nil)...)
	return append(table, workDirNote(spec)...)
}

// hostEnforcement is the table for this machine, whatever is asked.
func (s *Sandbox) hostEnforcement() []sandbox.Enforcement {
	h := s.hierarchy
	table := []sandbox.Enforcement{{Limit: "memory", State: sandbox.Enforced}}
	add := func(limit string, ok bool, why string) {
		state := sandbox.Enforced
		if !ok {
			state = sandbox.NotEnforced
		} else {
			why = ""
		}
		table = append(table, sandbox.Enforcement{Limit: limit, State: state, Why: why})
	}
	add("swap", s.canLimitSwap() || !cgroup.SwapHere(), "this kernel does not account swap (boot with swapaccount=1): an OOM can be hidden by swapping")
	if h.Version == 2 {
		table = append(table, sandbox.Enforcement{Limit: "group-kill", State: sandbox.Enforced})
	} else {
		table = append(table, sandbox.Enforcement{Limit: "group-kill", State: sandbox.Emulated,
			Why: "cgroup v1 has no memory.oom.group: the supervisor ends the rest a moment after the first victim"})
	}
	add("cpu", s.has("cpu"), "no cpu controller: the task may use every core")
	add("pids", s.has("pids"), "no pids controller: a fork bomb is not contained")
	table = append(table, sandbox.Enforcement{Limit: "shm", State: sandbox.Enforced})
	add("hugepages", len(s.hugepageSizes()) > 0 || !cgroup.HugePagesHere(), "no hugetlb controller for tasks here: MAP_HUGETLB works, on a cluster it fails with ENOMEM")
	return table
}

// has reports whether a controller can be used for tasks.
func (s *Sandbox) has(controller string) bool { return s.hierarchy.Has(controller) }

// canLimitSwap: v1 counts memory and swap together where swap accounting is
// on; v2's controller shows itself in any group but the root. Where no group
// has a memory controller yet, ours will be the first.
func (s *Sandbox) canLimitSwap() bool {
	if s.hierarchy.Version == 1 {
		_, err := os.Stat(filepath.Join(s.hierarchy.Controllers["memory"], "memory.memsw.limit_in_bytes"))
		return err == nil
	}
	groups, _ := filepath.Glob(filepath.Join(s.hierarchy.Unified, "*", "memory.max"))
	found, _ := filepath.Glob(filepath.Join(s.hierarchy.Unified, "*", "memory.swap.max"))
	return len(found) > 0 || len(groups) == 0
}

// hugepageSizes are the page sizes to forbid, as the kubelet does for pods
// that request none ("2MB", "1GB"), where the controller is on the task's side.
func (s *Sandbox) hugepageSizes() []string {
	if !s.has("hugetlb") {
		return nil
	}
	return cgroup.HugePageSizes()
}
