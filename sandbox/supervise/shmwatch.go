// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// shmWatch looks at the fill of the attempt's /dev/shm. Data loaders unlink
// their files first, so that it is empty again after the end: only a look
// while it is full shows it.
type shmWatch struct {
	dir  string
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

func watchShm(dir string) *shmWatch {
	w := &shmWatch{dir: dir, quit: make(chan struct{})}
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
	used := shmUsed(w.dir)
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
