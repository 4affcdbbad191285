// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
)

// IDTime is when an id was made, to the millisecond; zero for what is no id.
func IDTime(id string) time.Time {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(parsed.Time()).UTC()
}

// Held reports whether a living process runs or follows the task. It looks by
// taking the lock for a moment together with others who look. Whoever makes a
// task locks it before task.json is there, and must not find it taken then:
// before that the answer is yes, unless the directory is older than that takes.
func (d *Dir) Held(id string) (bool, error) {
	if err := checkID(id); err != nil {
		return false, err
	}
	if _, err := os.Lstat(filepath.Join(d.Task(id), TaskFile)); errors.Is(err, fs.ErrNotExist) {
		info, err := os.Lstat(d.Task(id))
		if err != nil {
			return false, Explain(d.Task(id), err)
		}
		if time.Since(info.ModTime()) < beingMade {
			return true, nil
		}
	}
	path := filepath.Join(d.Task(id), LockFile)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, Explain(path, err)
	}
	defer func() { _ = f.Close() }() // gives the lock back
	err = flock(f, syscall.LOCK_SH)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock of task %s: %w", id, err)
	}
	return false, nil
}

// beingMade is how long a task's directory may lack its task.json.
const beingMade = 5 * time.Second

// EndRecorded reports whether the task's end was written down. An empty file is
// what a power cut leaves of it.
func (d *Dir) EndRecorded(id string) bool {
	info, err := os.Lstat(filepath.Join(d.Task(id), EndedFile))
	return err == nil && info.Size() > 0
}
