// SPDX-License-Identifier: Apache-2.0

package docker

import (
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
	closed chan struct{}
}

// Watch implements supervise.Witness. Whoever has news, the kernel or in its
// stead the engine, uses one channel.
func (o *owner) Watch() <-chan supervise.Wake {
	woken := make(chan supervise.Wake, 1)
	o.told.woken, o.closed = woken, make(chan struct{})
	kernel := o.Kernel.Watch()
	go func() { // ends with Close
		for {
			select {
			case wake := <-kernel:
				tell(woken, wake)
			case <-o.closed:
				return
			}
		}
	}()
	return woken
}

// tell passes a wake-up on, unless one is waiting already.
func tell(to chan<- supervise.Wake, wake supervise.Wake) {
	select {
	case to <- wake:
	default:
	}
}

// Main implements supervise.Witness.
func (o *owner) Main(pid int) {
	o.Kernel.Main(pid)
	if why := o.doubt(pid); why != "" && !o.strays {
		o.fallBack(why)
	}
}

// doubt says why the cgroup does not tell of the container, though it should;
// "": it does, as far as can be seen.
func (o *owner) doubt(pid int) string {
	if pid == 0 {
		return ""
	}
	if held, known := o.keeper.group.Holds(pid); known && !held {
		return "the engine put the container elsewhere than drydock asked it to"
	}
	asked := o.keeper.plan.Spec.Limits.Memory
	if limit, err := o.keeper.group.Limit(); asked > 0 && err == nil && limit != asked {
		return "somebody removed or changed drydock's cgroup before the program ran"
	}
	return ""
}

// fallBack has the engine tell instead, and says so.
func (o *owner) fallBack(why string) {
	o.strays = true
	o.told.begin()
	a := o.keeper.attempt
	a.Group = sandbox.GroupEmulated
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
	close(o.closed)
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
	if out.Counters != nil && out.Pids.Refused == 0 && o.Kernel.LoggedRefusal() {
		out.Pids.Refused = 1 // at least: the group that counts them on v1 went before it was read
	}
	switch c := out.Counters; {
	case c == nil || c.OOMKill > 0:
	case out.StartError != nil:
		o.settleStart(out)
	default:
		o.settleUncounted(out)
	}
}

// peakBatch is by how much the kernel's own batches of charges may keep a peak
// below the limit that it reached (limits-and-oom §3.4).
const peakBatch = 64 << 12

// settleStart finds a limit that is too low for the runtime itself, whose words
// for that are many: memory was at the limit when the start failed.
func (o *owner) settleStart(out *sandbox.Outcome) {
	if out.StartError.Reason == sandbox.StartRuntime && out.Memory.Limit > 0 && out.Memory.Peak >= out.Memory.Limit-peakBatch {
		out.StartError.Reason, out.StartError.OOM = sandbox.StartLimitTooLow, true
	}
}

// settleUncounted finds the kill that nobody could count: on v1, and on v2 with
// the mount option memory_localevents, only the container's own group counts
// it, and the engine removes that as soon as it is empty. A kill by the kernel
// leaves other traces, each of which somebody else's SIGKILL lacks.
func (o *owner) settleUncounted(out *sandbox.Outcome) {
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
