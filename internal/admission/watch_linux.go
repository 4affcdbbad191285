// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchPause comes after every wake-up: many changes at once make few. The
// second look also sees what the first may miss: the kernel tells that a killed
// holder's file is closed a moment before it frees its lock.
const watchPause = 2 * time.Millisecond

// watch is woken when something in a directory may have become free: a file
// was removed, its holder died, or a claim was lent.
type watch struct {
	inotify *os.File
	woken   chan struct{}
	ended   chan struct{}
}

// watch begins to watch. Whoever cannot (a user may have few inotify
// instances) has to look now and then.
func (d dir) watch() (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	// Of a file that was made without a name the kernel tells under a name like
	// "#12": what happened to whom is not looked at.
	if _, err := unix.InotifyAddWatch(fd, string(d), unix.IN_DELETE|unix.IN_CLOSE_WRITE|unix.IN_ATTRIB|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("inotify_add_watch", err)
	}
	w := &watch{inotify: os.NewFile(uintptr(fd), "inotify"), woken: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.read()
	return w, nil
}

// read ends when stop closes the file.
func (w *watch) read() {
	defer close(w.ended)
	var events [4096]byte
	for {
		if _, err := w.inotify.Read(events[:]); err != nil {
			return
		}
		select {
		case w.woken <- struct{}{}:
		default: // somebody is about to look already
		}
		time.Sleep(watchPause)
	}
}

func (w *watch) stop() {
	if w != nil {
		_ = w.inotify.Close()
		<-w.ended
	}
}

// changes delivers wake-ups; none without a watch.
func (w *watch) changes() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.woken
}
