// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Pause freezes the daemon: connections are taken, nothing is answered.
func (e *Engine) Pause(t testing.TB) {
	t.Helper()
	e.signal(t, unix.SIGSTOP)
	for deadline := time.Now().Add(time.Minute); !stopped(e.Pid()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not stop", e.Name)
		}
	}
}

// stopped reports whether every thread of a process has heard of its SIGSTOP:
// each does when it runs next.
func stopped(pid int) bool {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, may hold anything; the state follows (proc_pid_stat(5)).
		if after := stat[bytes.LastIndexByte(stat, ')')+1:]; !bytes.HasPrefix(after, []byte(" T")) {
			return false
		}
	}
	return err == nil && len(threads) > 0
}

// Resume ends a Pause.
func (e *Engine) Resume(t testing.TB) { t.Helper(); e.signal(t, unix.SIGCONT) }
