// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"drydock/sandbox/supervise"
)

// shm is the attempt's /dev/shm, a file system of the engine's making. A
// descriptor of it, had by way of the main process, keeps it measurable: also
// after the end, when the engine has unmounted it.
type shm struct {
	mu sync.Mutex // guards fd
	fd int        // 0: not open
}

// open opens the /dev/shm of a process, if it is a tmpfs other than this
// machine's own: a container's process has the machine's until it changes its
// root. It reports whether it is open.
func (s *shm) open(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd > 0 {
		return true
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/root/dev/shm", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	var theirs, ours unix.Stat_t
	var fs unix.Statfs_t
	if unix.Fstat(fd, &theirs) != nil || unix.Fstatfs(fd, &fs) != nil || fs.Type != unix.TMPFS_MAGIC ||
		unix.Stat("/dev/shm", &ours) == nil && ours.Dev == theirs.Dev {
		unix.Close(fd)
		return false
	}
	s.fd = fd
	return true
}

// used is how many bytes are taken.
func (s *shm) used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd <= 0 {
		return 0
	}
	return supervise.ShmUsed("/proc/self/fd/" + strconv.Itoa(s.fd))
}

func (s *shm) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd > 0 {
		unix.Close(s.fd)
		s.fd = 0
	}
}
