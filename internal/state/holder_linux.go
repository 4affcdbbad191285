// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Holder is the id of the process that runs or follows the task, by the
// kernel's own list of locks (/proc/locks); 0 when there is none, or none that
// can be seen from here.
func (d *Dir) Holder(id string) (int, error) {
	if err := checkID(id); err != nil {
		return 0, err
	}
	var st syscall.Stat_t
	path := filepath.Join(d.Task(id), LockFile)
	if err := syscall.Stat(path, &st); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, Explain(path, err)
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // read only
	// fs/locks.c: "1: FLOCK  ADVISORY  WRITE 4711 08:01:123456 0 EOF"
	file := fmt.Sprintf(":%d", st.Ino)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) < 6 || w[1] != "FLOCK" || w[3] != "WRITE" || !strings.HasSuffix(w[5], file) {
			continue
		}
		if pid, err := strconv.Atoi(w[4]); err == nil && pid > 0 && holds(pid, st.Dev, st.Ino) {
			return pid, nil
		}
	}
	return 0, nil
}

// holds reports whether a process has the file open: the list names devices in
// a way that some file systems do not share with stat.
func holds(pid int, dev, ino uint64) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		var st syscall.Stat_t
		if syscall.Stat(filepath.Join(dir, e.Name()), &st) == nil && st.Dev == dev && st.Ino == ino {
			return true
		}
	}
	return false
}
