// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Waiting for the lock: holders need it for less than a millisecond.
const (
	lockPatience = 30 * time.Second
	lockPauseMin = 50 * time.Microsecond
	lockPauseMax = 5 * time.Millisecond
)

// LockError says that somebody kept the lease directory's lock.
type LockError struct {
	Dir    string
	Waited time.Duration
	PID    int    // of the holder; 0: not known
	Name   string // of its program
}

func (e *LockError) Error() string {
	who, what := "another process", "end it"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d (%s)", e.PID, e.Name)
		what = fmt.Sprintf("let it go on (kill -CONT %d) or end it", e.PID)
	}
	return fmt.Sprintf("the lock of %s was not to be had for %s: %s holds it; %s", e.Dir, e.Waited, who, what)
}

// lock takes the lease directory's lock. unlock gives it back; the kernel does
// when we die.
func (d dir) lock(ctx context.Context, limit time.Duration) (unlock func(), err error) {
	fd, err := unix.Open(string(d), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: string(d), Err: err}
	}
	pause, began := lockPauseMin, time.Now()
	for {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { unix.Close(fd) }, nil
		}
		waited := time.Since(began)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			err = &os.PathError{Op: "flock", Path: string(d), Err: err}
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case waited >= limit:
			pid := lockHolder(fd)
			err = &LockError{Dir: string(d), Waited: waited.Round(time.Millisecond), PID: pid, Name: program(pid)}
		default:
			time.Sleep(pause)
			pause = min(2*pause, lockPauseMax)
			continue
		}
		unix.Close(fd)
		return nil, err
	}
}

// lockHolder finds in /proc/locks who has the file open at fd locked; 0: not
// known, as of a process in another pid namespace.
func lockHolder(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for line := range strings.Lines(string(table)) {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && f[3] == "WRITE" && f[5] == file {
			pid, _ := strconv.Atoi(f[4])
			return pid
		}
	}
	return 0
}

// program is the name of a process's program.
func program(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}
