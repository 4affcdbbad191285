// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise"
)

// newWitness is who measures and counts an attempt: the kernel, where the
// container lies below a cgroup of drydock's, else the engine.
func newWitness(k *keeper, id string) supervise.Witness {
	told := &teller{engine: k.engine, id: id, version: k.plan.CgroupVersion, limit: k.plan.Spec.Limits.Memory}
	if k.kernel == nil {
		return told
	}
	return &owner{Kernel: k.kernel, keeper: k, told: told}
}

// owner is the kernel as a witness, by drydock's own cgroup above the
// container's. It trusts that the container is there, and verifies it; where
// it is not, the engine's word has to do.
type owner struct {
	*supervise.Kernel
	keeper *keeper
	told   *teller
	strays bool // the container is somewhere else
}

// Main implements supervise.Witness.
func (o *owner) Main(pid int) {
	o.Kernel.Main(pid)
	if held, known := o.keeper.group.Holds(pid); o.strays || held || !known {
		return
	}
	o.strays = true
	o.told.begin()
	a := o.keeper.attempt
	a.Group = sandbox.GroupEmulated
	const why = "the engine put the container elsewhere than drydock asked it to"
	a.Outcome.Limits = replaced(a.Outcome.Limits, evidenceNote(why),
		sandbox.Enforcement{Limit: "group-kill", State: sandbox.Emulated, Why: why})
}

// replaced is a table with these rows in the place of theirs.
func replaced(t []sandbox.Enforcement, rows ...sandbox.Enforcement) []sandbox.Enforcement {
	for _, row := range rows {
		found := false
		for i := range t {
			if t[i].Limit == row.Limit {
				t[i], found = row, true
			}
		}
		if !found {
			t = append(t, row)
		}
	}
	return t
}

// Kills implements supervise.Witness.
func (o *owner) Kills() (int64, error) {
	if o.strays {
		return o.told.Kills()
	}
	return o.Kernel.Kills()
}

// Sample implements supervise.Witness.
func (o *owner) Sample() (supervise.Look, bool) {
	if o.strays {
		return o.told.Sample()
	}
	return o.Kernel.Sample()
}

// Close implements supervise.Witness.
func (o *owner) Close() {
	o.Kernel.Close()
	o.told.Close()
}

// Settle implements supervise.Witness.
func (o *owner) Settle(out *sandbox.Outcome) {
	if o.strays {
		o.told.Settle(out)
		return
	}
	o.Kernel.Settle(out)
	if c := out.Counters; c != nil && c.CgroupVersion == 1 && c.OOMKill == 0 && out.StartError == nil {
		o.settleV1(out)
	}
}

// settleV1 finds the kill that nobody could count: on v1 only the container's
// own group counts it, and the engine removes that as soon as it is empty.
// A kill by the kernel leaves other traces, each of which somebody else's
// SIGKILL lacks.
func (o *owner) settleV1(out *sandbox.Outcome) {
	if victims := o.Kernel.Logged(); len(victims) > 0 { // the kernel's log names the group
		out.Counters.OOMKill, out.Victims = int64(len(victims)), victims
		return
	}
	if unexplainedKill(out) && out.Counters.Notified && !out.Counters.AncestorOOM && out.Counters.HostOOMKill > 0 {
		out.Counters.OOMKill = 1
		o.Kernel.NameVictims(out)
	}
}

// unexplainedKill reports whether the main process died of a SIGKILL that the
// supervisor did not send.
func unexplainedKill(out *sandbox.Outcome) bool {
	if out.Exit == nil || out.Exit.Signal != unix.SignalName(unix.SIGKILL) || !out.GroupKilledAt.IsZero() {
		return false
	}
	for _, stop := range out.Stops {
		if stop.Signal == unix.SignalName(unix.SIGKILL) {
			return false
		}
	}
	return true
}

// callPatience bounds the questions that settle an outcome.
const callPatience = 10 * time.Second

func shortly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callPatience)
}
