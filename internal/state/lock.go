// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
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
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock task %s: %w", id, err)
	}
	return func() { _ = f.Close() }, nil
}
