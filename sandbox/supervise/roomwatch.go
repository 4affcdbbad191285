// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/supervise/wire"
)

// roomWatch looks at how much room is left where the attempt writes: in what
// holds a hard limit on its disk, and on the machine's own file systems. A
// program that finds a disk full may tidy up before it fails, so that it is
// looked for while it runs.
type roomWatch struct {
	holds []*hard.Hold
	hosts []string // a place on each file system

	mu   sync.Mutex // guards what follows
	hard []sandbox.HardDisk
	full map[string]sandbox.FullDisk

	end  context.CancelFunc // nil: it was never started
	done sync.WaitGroup
}

// How often the room is looked at: a statfs costs about a microsecond.
const (
	roomIdle = 20 * time.Millisecond
	roomBusy = 2 * time.Millisecond // after a change of what is held
	// One part in roomShare of the time is spent looking, at the most: a file system on
	// another machine may take milliseconds to answer.
	roomShare = 20
)

// roomPause is the time between a look that took so long and the next.
func roomPause(changed bool, took time.Duration) time.Duration {
	pause := roomIdle
	if changed {
		pause = roomBusy
	}
	return max(pause, (roomShare-1)*took)
}

// pace holds how long the last looks took, in turn.
type pace struct {
	took [4]time.Duration
	next int
}

// cost notes how long a look took, and returns what one costs: the least of
// the last ones, for a busy machine makes one or the other last long. Until
// there were enough it is zero.
func (p *pace) cost(took time.Duration) time.Duration {
	p.took[p.next] = took
	p.next = (p.next + 1) % len(p.took)
	return slices.Min(p.took[:])
}

// start begins to look, when the program runs.
func (w *roomWatch) start(a *Attempt) {
	ctx, end := context.WithCancel(context.Background())
	w.end, w.holds, w.full = end, a.Holds, map[string]sandbox.FullDisk{}
	for _, h := range w.holds {
		w.hard = append(w.hard, sandbox.HardDisk{Way: string(h.Way), Size: h.Size})
	}
	var looks pace
	w.done.Go(func() {
		w.hosts = fileSystems(slices.Concat([]string{a.Config.Dir}, hostDirs(a.Config.Spec), a.HostDirs))
		for {
			begun := time.Now()
			changed := w.look()
			select {
			case <-ctx.Done():
				return
			case <-time.After(roomPause(changed, looks.cost(time.Since(begun)))):
			}
		}
	})
}

// look takes one look at everything, and reports whether what is held has
// changed.
func (w *roomWatch) look() (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, h := range w.holds {
		used, noFiles, err := h.Used()
		if err != nil {
			continue
		}
		d := &w.hard[i]
		changed = changed || used != d.Used
		d.Used, d.Peak = used, max(d.Peak, used)
		d.NoFiles = d.NoFiles || noFiles
	}
	for _, path := range w.hosts {
		if now, full := fullDisk(path); full {
			if before, known := w.full[path]; known {
				now.Free, now.Time = min(now.Free, before.Free), before.Time
			}
			w.full[path] = now
		}
	}
	return changed
}

// fullDisk looks whether a file system has room for nothing more: less than
// 1 % of it, and than a large write.
func fullDisk(path string) (sandbox.FullDisk, bool) {
	const largeWrite = 4 << 20
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil || st.Blocks == 0 {
		return sandbox.FullDisk{}, false
	}
	d := sandbox.FullDisk{Path: path, Size: int64(st.Blocks) * st.Bsize, Free: int64(st.Bavail) * st.Bsize,
		NoFiles: st.Files > 0 && st.Ffree == 0, Time: time.Now().UTC()}
	return d, d.NoFiles || d.Free < min(d.Size/100, largeWrite)
}

// fileSystems keeps one of the directories on each file system that can be
// written to.
func fileSystems(dirs []string) []string {
	var kept []string
	seen := map[uint64]bool{}
	for _, dir := range dirs {
		var st unix.Stat_t
		var fs unix.Statfs_t
		if unix.Stat(dir, &st) != nil || seen[st.Dev] || unix.Statfs(dir, &fs) != nil || fs.Flags&unix.ST_RDONLY != 0 {
			continue
		}
		seen[st.Dev] = true
		kept = append(kept, dir)
	}
	return kept
}

// settle ends the looking with a last look, unless a file system does not
// answer.
func (w *roomWatch) settle(a *Attempt) {
	if w.end == nil {
		return
	}
	w.end()
	ended := make(chan struct{})
	go func() { // ends when the file systems have answered
		defer close(ended)
		w.done.Wait()
		w.look()
	}()
	select {
	case <-ended:
	case <-time.After(lastLook):
		select {
		case <-ended: // it is this process that was held up
		default:
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range w.hosts {
		if full, ok := w.full[path]; ok {
			a.Outcome.FullDisks = append(a.Outcome.FullDisks, full)
		}
	}
	if len(a.Outcome.FullDisks) > 0 {
		for i, h := range w.holds {
			w.hard[i].Lost = h.Sync() != nil
		}
	}
	if len(w.hard) == 0 {
		return
	}
	if a.Outcome.Disk == nil { // it could not be looked at in time
		a.Outcome.Disk = &sandbox.Disk{Limit: a.Config.Spec.Limits.Disk, Time: time.Now()}
	}
	a.Outcome.Disk.Hard = w.hard
}

// hostDirs are the directories of the machine's own that a Spec lets the
// attempt write to.
func hostDirs(spec sandbox.Spec) []string {
	var dirs []string
	if spec.Image == "" && filepath.IsAbs(spec.WorkDir) {
		dirs = append(dirs, spec.WorkDir)
	}
	scratch := filepath.Join(spec.Dir, wire.WorkDir)
	for _, m := range spec.Mounts {
		if _, err := os.Lstat(m.Source); err == nil && !m.ReadOnly && m.Source != scratch {
			dirs = append(dirs, m.Source)
		}
	}
	return dirs
}
