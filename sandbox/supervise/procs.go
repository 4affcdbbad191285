// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"strconv"
	"strings"

	"drydock/sandbox"
)

// proc is what /proc tells of a process.
type proc struct {
	pid    int // on the host
	inside int // in the container's pid namespace; 0: not known
	name   string
	rss    int64 // bytes
	dying  bool  // a SIGKILL is pending, or it is a zombie
	empty  bool  // it has given its memory back: it is about to be gone
	deaf   bool  // it neither catches nor blocks SIGTERM
}

func (p proc) victim() sandbox.Victim {
	return sandbox.Victim{PID: p.inside, HostPID: p.pid, Name: p.name, RSS: p.rss, Main: p.inside == 1}
}

// Bits in the signal masks of /proc/PID/status.
const (
	killBit = 1 << (9 - 1)
	termBit = 1 << (15 - 1)
)

// readProc reads /proc/PID/status (proc_pid_status(5)); false when it is gone.
func readProc(pid int) (proc, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return proc{}, false
	}
	return parseStatus(pid, string(data)), true
}

// ending reports whether a process has given its memory back; one that is not
// known (0) has not.
func ending(pid int) bool {
	p, there := readProc(pid)
	return pid != 0 && (!there || p.empty)
}

func parseStatus(pid int, status string) proc {
	p := proc{pid: pid, empty: true, deaf: true}
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Name":
			p.name = value
		case "State":
			p.dying = p.dying || strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X")
		case "VmRSS":
			kb, _ := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
			p.rss, p.empty = kb<<10, false
		case "NSpid":
			if fields := strings.Fields(value); len(fields) > 1 {
				p.inside, _ = strconv.Atoi(fields[len(fields)-1])
			}
		case "SigPnd", "ShdPnd":
			mask, _ := strconv.ParseUint(value, 16, 64)
			p.dying = p.dying || mask&killBit != 0
		case "SigCgt", "SigBlk":
			mask, _ := strconv.ParseUint(value, 16, 64)
			p.deaf = p.deaf && mask&termBit == 0
		}
	}
	return p
}

// trackLimit bounds how many processes are looked at in one sample, and
// pastLimit how many gone ones are remembered.
const (
	trackLimit = 128
	pastLimit  = 1024
)

// tracker remembers the processes of the attempt by host pid, so that a
// victim still has a name when it has gone before anybody could look.
type tracker struct {
	main int
	seen map[int]proc // at the last look
	past map[int]proc // at any look
}

// look takes the processes that there are now and returns those that began
// to die since the last look, and those that have gone since.
func (t *tracker) look(pids []int) (dying, gone []proc) {
	if len(pids) > trackLimit {
		pids = pids[:trackLimit]
	}
	now := make(map[int]proc, len(pids)+1)
	for _, pid := range append(pids, t.main) {
		if _, done := now[pid]; done {
			continue
		}
		p, ok := readProc(pid)
		if !ok {
			continue
		}
		old := t.seen[pid]
		if p.rss == 0 { // a dying process has given its memory back already
			p.rss = old.rss
		}
		now[pid] = p
		if p.dying && !old.dying {
			dying = append(dying, p)
		}
	}
	for pid, p := range t.seen {
		if _, ok := now[pid]; !ok {
			gone = append(gone, p)
		}
	}
	t.remember(now)
	return dying, gone
}

func (t *tracker) remember(now map[int]proc) {
	if t.past == nil || len(t.past) > pastLimit {
		t.past = map[int]proc{}
	}
	for pid, p := range now {
		t.past[pid] = p
	}
	t.seen = now
}
