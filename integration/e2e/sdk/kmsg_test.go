// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kernelLog reads /dev/kmsg. The kernel's stamps come from a clock of its own;
// a line that we write there tells by how much it differs from ours.
type kernelLog struct{ fd int }

func openKernelLog(b *testing.B) *kernelLog {
	b.Helper()
	fd, err := unix.Open("/dev/kmsg", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Seek(fd, 0, unix.SEEK_END)
	}
	if err != nil {
		b.Skipf("the kernel log cannot be read: %v", err)
	}
	b.Cleanup(func() { _ = unix.Close(fd) })
	return &kernelLog{fd: fd}
}

// lastKill is when the kernel last killed something for memory.
func (l *kernelLog) lastKill() (time.Time, bool) {
	mark := fmt.Sprintf("drydock benchmark %d", os.Getpid())
	now := time.Now()
	_, _ = unix.Write(l.fd, []byte(mark+"\n"))
	var kill, marked time.Duration
	record := make([]byte, 8192)
	for {
		n, err := unix.Read(l.fd, record)
		if err == unix.EPIPE { // overwritten while we looked: go on with the next
			continue
		}
		if err != nil {
			return now.Add(kill - marked), kill > 0 && marked > 0
		}
		head, text, _ := strings.Cut(string(record[:n]), ";")
		if fields := strings.Split(head, ","); len(fields) > 2 {
			us, _ := strconv.ParseInt(fields[2], 10, 64)
			switch {
			case strings.Contains(text, "oom-kill:"):
				kill = time.Duration(us) * time.Microsecond
			case strings.Contains(text, mark):
				marked = time.Duration(us) * time.Microsecond
			}
		}
	}
}
