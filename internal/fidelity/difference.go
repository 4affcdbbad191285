// SPDX-License-Identifier: Apache-2.0

package fidelity

import "slices"

// Reason says why drydock does something otherwise than a kubelet.
type Reason struct {
	Name string // of its section on the page
	Why  string
}

// Difference is a fact that drydock has otherwise, on purpose.
type Difference struct {
	IDs    []string
	Fact   string
	Cgroup int      // 0: on both versions
	On     []string // names of backends; nil: all
	Got    []string // drydock's value, or the values it may have
	Reason *Reason
	May    bool // not everywhere: it is no mistake when it is not seen
}

func (d Difference) isFor(id string, on Backend) bool {
	return slices.Contains(d.IDs, id) && (d.Cgroup == 0 || d.Cgroup == on.Cgroup) && (d.On == nil || slices.Contains(d.On, on.Name))
}

// deliberate finds the reason for a deviation.
func deliberate(id, fact string, on Backend, got string) *Reason {
	for _, d := range Differences {
		if d.isFor(id, on) && d.Fact == fact && slices.Contains(d.Got, got) {
			return d.Reason
		}
	}
	return nil
}

// NotTried are the ids that are not run through a sandbox, with the reason.
var NotTried = map[string]string{
	"oom-init":      "init containers: a task is one command",
	"oom-neighbour": "a pod of several containers: a task is one command; that a neighbour is left alone is conformance case D4",
	"oom-catch":     "probes and exec sessions: nothing can enter a task",
	"oom-restart":   "restarts within a pod: Flyte's pods never do that, it makes a new one; drydock's retries do the same",
	"eph-emptydir":  "a volume with a limit of its own: a task's own directory counts with all else that it writes (conformance case C7)",
	"eph-pod":       "a pod of several containers: a task is one command",
}

// Also names the conformance cases of package sandboxtest that go further
// into a behaviour than the one try here: more kinds of it, more repeats.
var Also = map[string][]string{
	"oom-main":           {"C1", "C16", "C19", "D11"},
	"oom-main-slow":      {"C18"},
	"oom-child-exit0":    {"group-child"},
	"oom-child-bg":       {"C3"},
	"single-child-exit0": {"D1"},
	"oom-burst":          {"C10"},
	"oom-neighbour":      {"D4"},
	"allocatable":        {"D4-shared-limit"},
	"lim-1mi":            {"D13"},
	"lim-4mi":            {"D13"},
	"lim-6mi":            {"D13"},
	"lim-8mi":            {"D13"},
	"lim-16mi":           {"D13"},
	"exits/e0":           {"exit-codes", "C17"},
	"exits/e3":           {"exit-codes"},
	"exits/e137":         {"exit-codes"},
	"kill9-host":         {"D3"},
	"deadline":           {"timeout"},
	"deadline-nice":      {"timeout-tidies"},
	"delete-grace":       {"stop", "stop-at-once", "stop-shortened"},
	"start-nofile":       {"start-errors"},
	"start-noexec":       {"start-errors"},
	"fallback-oom":       {"tail"},
	"eph-layer":          {"C7", "C8"},
	"eph-trap":           {"disk-ungraceful"},
	"eph-logs":           {"C7"},
	"eph-short":          {"disk-short"},
	"shm-default":        {"D6"},
	"shm-sized/write":    {"D6"},
	"shm-sized/map":      {"D6"},
	"shm-sized/shell":    {"D6"},
	"shm-big":            {"D6", "D7"},
	"pids":               {"pids"},
	"info":               {"env", "capabilities", "pid-namespace", "nofile", "C20"},
	"restricted":         {"C5", "user", "capabilities"},
}
