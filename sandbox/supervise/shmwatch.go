// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// shmWatch looks at the fill of the attempt's /dev/shm. Data loaders unlink
// their files first, so that it is empty again after the end: only a look
// while it is full shows it.
type shmWatch struct {
	used func() int64
	peak atomic.Int64
	quit chan struct{}
	done sync.WaitGroup
}

// How often the fill is looked at: a statfs costs about a microsecond.
const (
	shmIdle = 10 * time.Millisecond // while nothing changes
	shmBusy = time.Millisecond      // after a change, for a while
	shmCalm = 100                   // looks without a change until idle again
)

func watchShm(used func() int64) *shmWatch {
	w := &shmWatch{used: used, quit: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

func (w *shmWatch) run() {
	var last int64
	calm := shmCalm
	timer := time.NewTimer(shmIdle)
	defer timer.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-timer.C:
		}
		used := w.look()
		if calm++; used != last {
			last, calm = used, 0
		}
		if calm < shmCalm {
			timer.Reset(shmBusy)
		} else {
			timer.Reset(shmIdle)
		}
	}
}

func (w *shmWatch) look() int64 {
	used := w.used()
	if used > w.peak.Load() {
		w.peak.Store(used)
	}
	return used
}

// stop ends the watch; peak stays readable.
func (w *shmWatch) stop() {
	close(w.quit)
	w.done.Wait()
}

// ShmUsed is how much of a tmpfs is taken, in bytes; 0 when it cannot be read.
func ShmUsed(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return int64(st.Blocks-st.Bfree) * st.Bsize
}
