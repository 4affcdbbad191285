// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// KernelLog reads what the kernel logs from now on. It is the best
// explanation of a kill (pid, name, size) and never the evidence: it needs
// privilege, is rate-limited and can be overwritten.
// It is not safe for concurrent use.
type KernelLog struct {
	fd   int
	read []string // lines so far
}

// OpenKernelLog notes the log's end. Where it cannot be read, nothing is found.
func OpenKernelLog() *KernelLog {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &KernelLog{fd: -1}
	}
	_, _ = unix.Seek(fd, 0, unix.SEEK_END)
	return &KernelLog{fd: fd}
}

// Close closes the log.
func (k *KernelLog) Close() {
	if k.fd >= 0 {
		unix.Close(k.fd)
	}
}

// kmsgRecord is above the kernel's longest record (PRINTK_MESSAGE_MAX).
const kmsgRecord = 16 << 10

// Victims returns the OOM victims logged for a group since the log was
// opened. known tells the group's pids: the line that names the group is
// rate-limited by the kernel, the one that names the victim is not.
func (k *KernelLog) Victims(g *Group, known func(pid int) bool) []sandbox.Victim {
	return victimsOf(k.lines(), g.Path(), known)
}

// Refused reports whether a process was refused in a group since the log was
// opened, for there were too many. The kernel logs the first time for each
// container (kernel/cgroup/pids.c, pids_event).
func (k *KernelLog) Refused(g *Group) bool { return refusedIn(k.lines(), g.Path()) }

func refusedIn(lines []string, group string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		line, _, _ = strings.Cut(line, "\n") // what follows are the record's properties
		_, where, ok := strings.Cut(line, "fork rejected by pids controller in ")
		return ok && (where == group || strings.HasPrefix(where, group+"/"))
	})
}

// lines are all since the log was opened.
func (k *KernelLog) lines() []string {
	if k.fd < 0 {
		return nil
	}
	buf := make([]byte, kmsgRecord)
	for {
		n, err := unix.Read(k.fd, buf)
		if err == unix.EPIPE { // records were overwritten before we read them
			continue
		}
		if err != nil || n <= 0 {
			return k.read
		}
		_, message, _ := strings.Cut(string(buf[:n]), ";")
		k.read = append(k.read, message)
	}
}

// The kernel's two lines about a kill (mm/oom_kill.c, dump_oom_victim and
// __oom_kill_process); a task's name may hold anything but a line's end.
var (
	oomConstraint = lazyRegexp(`oom-kill:constraint=.*,task_memcg=([^,]*),task=.*,pid=(\d+),uid=\d+`)
	oomKilled     = lazyRegexp(`Killed process (\d+) \((.*)\) total-vm:\d+kB, anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB`)
)

// lazyRegexp compiles at the first use: what runs at start-up inside a task's
// cgroup is charged to the task.
func lazyRegexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// victimsOf finds the victims of a group in the kernel's lines.
func victimsOf(lines []string, group string, known func(pid int) bool) []sandbox.Victim {
	owner := map[int]string{}
	seen := map[int]bool{}
	var victims []sandbox.Victim
	for _, line := range lines {
		if m := oomConstraint().FindStringSubmatch(line); m != nil {
			pid, _ := strconv.Atoi(m[2])
			owner[pid] = m[1]
			continue
		}
		m := oomKilled().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pid, _ := strconv.Atoi(m[1])
		memcg, named := owner[pid]
		ours := memcg == group || strings.HasPrefix(memcg, group+"/")
		if seen[pid] || (named && !ours) || (!named && !known(pid)) {
			continue
		}
		seen[pid] = true
		victims = append(victims, sandbox.Victim{HostPID: pid, Name: m[2], RSS: kilobytes(m[3:6])})
	}
	return victims
}

func kilobytes(texts []string) (sum int64) {
	for _, t := range texts {
		n, _ := strconv.ParseInt(t, 10, 64)
		sum += n << 10
	}
	return sum
}
