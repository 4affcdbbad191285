// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/supervise/wire"
)

// diskWatch measures what the attempt takes of the disk, from its start to its
// end, and evicts it above its limit. Looks are taken by a goroutine of their
// own, for they may take long; the rest belongs to the goroutine of Run.
type diskWatch struct {
	seen  chan sandbox.Disk // nil: nothing is measured
	last  *sandbox.Disk
	shown int64 // the last peak that was made a point
	meter disk.Meter
	end   context.CancelFunc
	done  sync.WaitGroup
}

// start begins to look, when the program runs.
func (w *diskWatch) start(a *Attempt) {
	limit := a.Config.Spec.Limits.Disk
	if a.DiskPlaces == nil || limit <= 0 {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	w.seen, w.end, w.meter.Limit = make(chan sandbox.Disk), end, limit
	w.done.Go(func() { w.run(ctx, a) })
}

func (w *diskWatch) run(ctx context.Context, a *Attempt) {
	a.diskPlaces() // some can only be found while the program lives, which may be short
	for took := time.Duration(0); ; {
		select {
		case <-time.After(w.meter.Pause(took)):
		case <-ctx.Done():
			return
		}
		began := time.Now()
		d, err := w.meter.Measure(ctx, a.diskPlaces())
		if err != nil {
			return
		}
		took = time.Since(began)
		select {
		case w.seen <- d:
		case <-ctx.Done():
			return
		}
	}
}

// diskPlaces adds what every sandbox has: the log, and the task's own directory
// where it was given one.
func (a *Attempt) diskPlaces() disk.Places {
	p := a.DiskPlaces()
	p.Places = append(p.Places, logPlaces(filepath.Join(a.Config.Dir, wire.LogFile))...)
	scratch := filepath.Join(a.Config.Dir, wire.WorkDir)
	place := disk.Place{Kind: disk.Scratch, Path: scratch}
	if a.HeldWork != "" {
		place.Path, place.Held = a.HeldWork, true
	}
	for _, m := range a.Config.Spec.Mounts {
		if m.Source == scratch {
			place.Inside = m.Target
			p.Places = append(p.Places, place)
		}
	}
	return p
}

// noted takes a look's result. Above the limit the attempt is killed at once:
// a kubelet evicts for local storage without a grace period
// (pkg/kubelet/eviction, immediateEvictionGracePeriodSeconds). It reports
// whether the look is to be a point of the timeline at once.
func (w *diskWatch) noted(a *Attempt, d sandbox.Disk) bool {
	if w.evicting() || a.over() { // the last look is settle's
		return false
	}
	w.last = &d
	if d.Over() {
		a.stopper.stop(a, sandbox.StopEvict, 0)
	}
	return w.higher(d)
}

// higher reports whether a look saw a new peak: the one that evicts, or one
// that is a hundredth of the limit above the last such, so that there are few
// of them, however far apart samples are by then.
func (w *diskWatch) higher(d sandbox.Disk) bool {
	if !d.Over() && d.Used < w.shown+max(1, d.Limit/100) {
		return false
	}
	w.shown = d.Used
	return true
}

// evicting reports whether the limit was exceeded while the program ran. What
// was seen then stays the evidence.
func (w *diskWatch) evicting() bool { return w.last != nil && w.last.Over() }

// lastLook is how long the last look may hold up the verdict.
const lastLook = 5 * time.Second

// settle ends the looking with a last look. It evicts nobody: a kubelet does
// not evict a pod that has ended.
func (w *diskWatch) settle(a *Attempt) {
	if w.seen == nil {
		return
	}
	w.end()
	w.done.Wait()
	if !w.evicting() {
		ctx, cancel := context.WithTimeout(context.Background(), lastLook)
		defer cancel()
		if d, err := w.meter.Measure(ctx, a.diskPlaces()); err == nil {
			w.last = &d
		}
	}
	a.Outcome.Disk = w.last
}

// used is what was last seen, for a sample.
func (w *diskWatch) used() *int64 {
	if w.last == nil {
		return nil
	}
	return &w.last.Used
}
