// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// LockFile is the file of a task's directory whose lock says that a living
// process runs or follows the task.
const LockFile = "lock"

// ErrLocked is returned by LockTask while somebody else holds the lock.
var ErrLocked = errors.New("the task is in the hands of another caller or process")

// LockTask takes the task's lock, or returns an error that wraps ErrLocked at
// once when somebody has it, in this process or another. The kernel frees it
// when the holder dies. The task's directory must exist (fs.ErrNotExist).
// unlock gives it back.
func (d *Dir) LockTask(id string) (unlock func(), err error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	path := filepath.Join(d.Task(id), LockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, Explain(path, err)
	}
	if err := alone(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock task %s: %w", id, err)
	}
	return func() { _ = f.Close() }, nil
}

// looks is how often a lock is tried that others only look at.
const looks = 100

// alone takes the lock that a holder has for itself. Those who only look (Held)
// share it for a moment, and are no reason to leave a task to them.
func alone(f *os.File) error {
	for range looks {
		if err := flock(f, syscall.LOCK_EX); !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if err := flock(f, syscall.LOCK_SH); errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrLocked
		} else if err != nil {
			return err
		}
		if err := flock(f, syscall.LOCK_UN); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return ErrLocked
}

// flock changes the lock of an open file, without waiting for others.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
