// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"slices"
	"sync"
	"time"

	"drydock/gpu"
	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
)

// Times of looking at devices. A look may take a driver a second or two.
const (
	// freshLook is how old a look may be by which devices are given out.
	freshLook = time.Second
	// lookEvery is how often a waiting task looks whether a stranger's program
	// has ended, or a device is lost.
	lookEvery = 5 * time.Second
	// drainMost is how long an ended task's devices are kept for the driver to
	// let go of its memory; after tens of GB that takes seconds.
	drainMost  = 10 * time.Second
	drainPause = 500 * time.Millisecond
)

// lookout knows what accelerators the machine has. Many tasks that look at a
// time are one look.
type lookout struct {
	find func(context.Context) gpu.Inventory
	desk desk // which knows who holds what

	mu   sync.Mutex // held while somebody looks
	last sight      // its time is zero when nobody has looked
}

// sight is a look: what there was, and when.
type sight struct {
	inv gpu.Inventory
	// bare is inv by its own word: whose the processes are nobody has told.
	bare gpu.Inventory
	at   time.Time
}

// look returns a sight that is at most so old (0: a new one), or ctx's cause.
// The look itself goes on then: others may wait for it, and it has a limit of
// time of its own.
func (l *lookout) look(ctx context.Context, age time.Duration) (sight, error) {
	seen := make(chan sight, 1)
	go func() { // ends with the look
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.last.at.IsZero() || age <= 0 || time.Since(l.last.at) > age {
			bare := l.find(context.WithoutCancel(ctx))
			l.last = sight{l.owned(bare), bare, time.Now()}
		}
		seen <- l.last
	}()
	select {
	case s := <-seen:
		return s, nil
	case <-ctx.Done():
		return sight{}, context.Cause(ctx)
	}
}

// owned tells tasks from strangers. Leases are read after the look: a process of
// one that has just ended is a stranger's then, and is waited for.
func (l *lookout) owned(inv gpu.Inventory) gpu.Inventory {
	holders, err := l.desk.Holders()
	if err != nil {
		return inv // what it says by itself
	}
	tasks := map[gpu.ID]string{}
	for _, h := range holders {
		for _, d := range h.Holds.Devices {
			tasks[gpu.ID(d.ID)] = h.ID
		}
	}
	return inv.Owned(tasks)
}

// forget makes the next who looks look anew.
func (l *lookout) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = sight{}
}

// wish is what one attempt wants of the devices, by the latest look.
type wish struct {
	out    *lookout
	want   resources.Device
	policy resources.AcceleratorProfile

	mu    sync.Mutex // guards what follows
	seen  sight
	match gpu.Match
}

// wish looks for what a demand asks for; nil: for nothing. What this machine
// can never give is a *gpu.RefusalError.
func (r *run) wish(ctx context.Context, d resources.Demand) (*wish, error) {
	if d.GPU == nil {
		return nil, nil
	}
	w := &wish{out: r.x.devices, want: *d.GPU, policy: r.profile.Accelerators}
	return w, w.look(ctx, freshLook)
}

// look brings the wish up to date. With an error the last look stays.
func (w *wish) look(ctx context.Context, age time.Duration) error {
	seen, err := w.out.look(ctx, age)
	if err != nil {
		return err
	}
	m, err := gpu.Find(seen.inv, w.want, w.policy)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, w.match = seen, m
	return nil
}

// refresh looks again when the last look is too old to give out devices by.
func (w *wish) refresh(ctx context.Context) error {
	if seen, _ := w.latest(); time.Since(seen.at) <= freshLook {
		return nil
	}
	return w.look(ctx, freshLook)
}

func (w *wish) latest() (sight, gpu.Match) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.match
}

// real reports whether the attempt is to have devices that are there.
func (w *wish) real() bool {
	if w == nil {
		return false
	}
	seen, m := w.latest()
	return m.Count > 0 && !slices.ContainsFunc(seen.inv.Devices, func(d gpu.Device) bool { return d.Pretended })
}

// choices are what admission is asked for. Others judge it by what is there
// now; of devices that strangers use only where it cannot do without.
func (w *wish) choices() []admission.Choice {
	if w == nil {
		return nil
	}
	_, m := w.latest()
	if m.Count == 0 {
		return nil
	}
	c := admission.Choice{Count: m.Count, What: m.What(), Sets: m.Sets(), Pick: w.pick}
	var quiet []sandbox.Device
	for _, choice := range m.Choices {
		d := sandbox.Device{ID: string(choice.ID), Excludes: texts(choice.Excludes)}
		if c.Of = append(c.Of, d); choice.Busy == "" {
			quiet = append(quiet, d)
		}
	}
	if c.Sets == nil && len(quiet) >= m.Count {
		c.Of = quiet
	}
	return []admission.Choice{c}
}

// pick chooses for admission.
func (w *wish) pick(taken func(sandbox.Device) bool) ([]sandbox.Device, string) {
	_, m := w.latest()
	devices := map[gpu.ID]sandbox.Device{}
	for _, c := range m.Choices {
		devices[c.ID] = sandbox.Device{ID: string(c.ID), Excludes: texts(c.Excludes)}
	}
	picked, waits := m.Pick(func(id gpu.ID) bool {
		d, ok := devices[id]
		return ok && taken(d) // what a choice excludes is in the choice's own device
	})
	var got []sandbox.Device
	for _, c := range picked {
		got = append(got, devices[c.ID])
	}
	return got, waits
}

// chosen are the choices that were let in with these devices; ok is false where
// the latest look has one of them no more, or somebody else on it. Their holder
// has not begun yet: whoever is on them by a look's own word is a stranger.
func (w *wish) chosen(devices []sandbox.Device) (inv gpu.Inventory, m gpu.Match, picked []gpu.Choice, ok bool) {
	seen, m := w.latest()
	inv = seen.inv
	for _, d := range devices {
		i := slices.IndexFunc(m.Choices, func(c gpu.Choice) bool { return string(c.ID) == d.ID })
		if i < 0 || m.Choices[i].Busy != "" || seen.bare.Busy(gpu.ID(d.ID)) != "" {
			return inv, m, nil, false
		}
		picked = append(picked, m.Choices[i])
	}
	return inv, m, picked, len(picked) == m.Count
}

// keepLooking looks again and again while an attempt waits, until stop. The
// attempt's wait ends with the refusal when two looks in a row find that the
// machine does not have it any more: one may be a driver that was just busy.
func (w *wish) keepLooking(ctx context.Context, changed func(), end context.CancelCauseFunc) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit
		defer close(done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		var before error
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			_, was := w.latest()
			err := w.look(ctx, lookEvery/2)
			if err != nil && before != nil {
				end(err)
				return
			}
			before = err
			if _, is := w.latest(); !slices.EqualFunc(was.Choices, is.Choices, alike) {
				changed()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// alike reports whether two choices mean the same for who may have them.
func alike(a, b gpu.Choice) bool { return a.ID == b.ID && a.Busy == b.Busy }

// drain waits until the driver has let go of what an ended task had on its
// devices, so that the next one does not find their memory in use. Only
// NVIDIA's tells.
func (l *lookout) drain(task string, a *Accelerators) {
	if a == nil || a.Class != resources.ClassGPU || a.Pretended || len(a.Devices) == 0 {
		return
	}
	for deadline := time.Now().Add(drainMost); time.Now().Before(deadline); time.Sleep(drainPause) {
		seen, _ := l.look(context.Background(), 0) // which nobody ends
		if !slices.ContainsFunc(a.Devices, func(d HeldDevice) bool { return seen.inv.Draining(gpu.ID(d.ID), task) }) {
			return
		}
	}
}
