// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkOOMLatency reports how long after the kernel's kill the ended line
// is there: from the kernel's own time stamp where its log can be read, and
// from drydock's oom line.
func BenchmarkOOMLatency(b *testing.B) {
	h := newHome(b)
	log := openKernelLog(b)
	var fromKernel, fromEvent []time.Duration
	for b.Loop() {
		event, end := oomOnce(b, h)
		if event > 0 {
			fromEvent = append(fromEvent, end-event)
		}
		if kill, ok := log.lastKill("task=hog"); ok {
			fromKernel = append(fromKernel, end-kill)
		}
	}
	if len(fromKernel) > 0 {
		b.ReportMetric(ms(median(fromKernel)), "kill-to-ended-ms")
	}
	if len(fromEvent) > 0 {
		b.ReportMetric(ms(median(fromEvent)), "oom-line-to-ended-ms")
	}
	b.ReportMetric(0, "ns/op") // the start is in it
}

// oomOnce runs one task out of memory and tells when the oom line and the
// ended line were there, on the monotonic clock; 0: no oom line.
func oomOnce(b *testing.B, h home) (event, end time.Duration) {
	b.Helper()
	c := h.prepare(b, "run", "--memory", "32Mi", "--json", "--", "./hog", "sleep", "50", "touch", "64")
	c.Stdout = nil
	pipe, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	var verdict string
	for lines.Scan() {
		now := monotonic()
		var line struct{ Type, Verdict string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		switch line.Type {
		case "oom":
			event = now
		case "ended":
			end, verdict = now, line.Verdict
		}
	}
	_ = c.Wait() // 137
	if verdict != "oom" {
		b.Fatalf("the verdict is %q\n%s", verdict, c.err.String())
	}
	return event, end
}

func monotonic() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return time.Duration(t.Nano())
}

// kernelLog reads /dev/kmsg. Its time stamps come from a clock that drifts
// against the monotonic one; a line of our own tells by how much.
type kernelLog struct {
	fd     int // -1: not readable
	offset time.Duration
}

func openKernelLog(b *testing.B) *kernelLog {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Seek(fd, 0, unix.SEEK_END)
	}
	if err != nil {
		b.Logf("the kernel log cannot be read: %v", err)
		return &kernelLog{fd: -1}
	}
	b.Cleanup(func() { _ = unix.Close(fd) })
	l := &kernelLog{fd: fd}
	mark := fmt.Sprintf("drydock benchmark %d", os.Getpid())
	now := monotonic()
	if _, err := unix.Write(fd, []byte(mark+"\n")); err != nil {
		b.Logf("the kernel log cannot be written, its clock is taken as it is: %v", err)
		return l
	}
	if at, ok := l.last(mark); ok {
		l.offset = now - at
	}
	return l
}

// lastKill is when the kernel logged its last OOM kill with this text since
// the last call, on the monotonic clock.
func (l *kernelLog) lastKill(text string) (time.Duration, bool) {
	at, ok := l.last("oom-kill:", text)
	return at + l.offset, ok
}

func (l *kernelLog) last(texts ...string) (at time.Duration, found bool) {
	if l.fd < 0 {
		return 0, false
	}
	record := make([]byte, 8192)
	for {
		n, err := unix.Read(l.fd, record)
		if err == unix.EPIPE { // overwritten while we looked: go on with the next
			continue
		}
		if err != nil {
			return at, found
		}
		if stamp, ok := stampOf(string(record[:n]), texts); ok {
			at, found = stamp, true
		}
	}
}

// stampOf reads "priority,sequence,microseconds,flags;text".
func stampOf(record string, texts []string) (time.Duration, bool) {
	head, text, _ := strings.Cut(record, ";")
	for _, want := range texts {
		if !strings.Contains(text, want) {
			return 0, false
		}
	}
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return 0, false
	}
	us, err := strconv.ParseInt(fields[2], 10, 64)
	return time.Duration(us) * time.Microsecond, err == nil
}
