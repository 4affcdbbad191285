// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// process is a container's main process, held by a descriptor of the kernel's
// (pidfd_open(2)): nobody else's when its number is given out again.
type process struct {
	pid int
	fd  int
	// before is the runtime's program at the first sight, and execed when
	// another was first seen in its place; zero: not seen.
	before program
	execed time.Time
}

// program is the file that a process runs; zero: it is gone.
type program struct{ dev, ino uint64 }

func (p *process) program() program {
	var st unix.Stat_t
	if unix.Stat("/proc/"+strconv.Itoa(p.pid)+"/exe", &st) != nil {
		return program{}
	}
	return program{uint64(st.Dev), st.Ino}
}

// ran notes when the task's program took the runtime's place, and reports
// whether it has.
func (p *process) ran() bool {
	now := p.program()
	if none := (program{}); p.execed.IsZero() && p.before != none && now != none && now != p.before {
		p.execed = time.Now()
	}
	return !p.execed.IsZero()
}

// openProcess returns nil when there is no such process any more.
func openProcess(pid int) *process {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	return &process{pid: pid, fd: fd}
}

// openInit opens a process if it is the first of a pid namespace below ours: a
// container's main process, not one of the runtime's on the way to it.
func openInit(pid int) *process {
	if !isInit(pid) {
		return nil
	}
	p := openProcess(pid)
	if p == nil {
		return nil
	}
	p.before = p.program()
	if !isInit(pid) { // its number was given out again meanwhile
		p.close()
		return nil
	}
	return p
}

func isInit(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(data), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	numbers := strings.Fields(line)
	return len(numbers) > 1 && numbers[len(numbers)-1] == "1"
}

func (p *process) close() { unix.Close(p.fd) }

// signal sends a signal, and reports whether it reached the process or came
// too late for it; false: we may not.
func (p *process) signal(sig unix.Signal) bool {
	err := unix.PidfdSendSignal(p.fd, sig, nil, 0)
	return err == nil || err == unix.ESRCH
}

// pollEvery is how often wait looks at its context.
const pollEvery = 500 * time.Millisecond

// wait waits for the process's end, or for ctx's: false then.
func (p *process) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		polled := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(polled, int(pollEvery.Milliseconds()))
		if n > 0 {
			return true
		}
		if err != nil && err != unix.EINTR {
			return false
		}
	}
	return false
}

// ended reports whether the process has ended; its /proc tells nothing then.
func (p *process) ended() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// statusPatience is how long the process's parent may take to reap it.
const statusPatience = 2 * time.Second

// exit is how the process ended. The kernel tells those who hold the process
// once its parent has reaped it (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux
// 6.15); nil: an older kernel.
func (p *process) exit() *sandbox.Exit {
	for deadline := time.Now().Add(statusPatience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		if err := unix.IoctlPidfdInfo(p.fd, &info); err != nil {
			return nil
		}
		if info.Mask&unix.PIDFD_INFO_EXIT != 0 {
			return exitOf(unix.WaitStatus(info.Exit_code))
		}
	}
	return nil
}

func exitOf(status unix.WaitStatus) *sandbox.Exit {
	if status.Signaled() {
		return &sandbox.Exit{Code: 128 + int(status.Signal()), Signal: unix.SignalName(status.Signal())}
	}
	return &sandbox.Exit{Code: status.ExitStatus()}
}
