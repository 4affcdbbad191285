// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// peer is the process that listens at the other end of a Unix socket, as the
// kernel knows it (SO_PEERCRED); the zero value is for other endpoints. A
// socket that systemd opened for the engine has systemd as its peer.
type peer struct {
	unix   bool
	pid    int  // in our pid namespace; 0: in none below ours
	nested bool // in a pid namespace of its own
	apart  bool // its root directory is another than ours
}

func peerOf(conn *net.UnixConn) peer {
	p := peer{unix: true}
	raw, err := conn.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p.pid = int(cred.Pid)
		}
	})
	p.nested, p.apart = nested(p.pid), apart(p.pid)
	return p
}

// dockerPID is where Docker writes its process number, wherever its socket is
// the standard one (dockerd --pidfile).
const dockerPID = "/var/run/docker.pid"

// identity tells the daemon's process from every other one, before and after
// it; "": it is not known. Where systemd opened the socket, Docker's own word
// is taken for who is behind it.
func (p peer) identity(endpoint string) string {
	pid := p.pid
	if pid == 1 && endpoint == "unix://"+dockerSocket {
		said, _ := os.ReadFile(dockerPID)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(said)))
	}
	if pid <= 1 {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in brackets, may hold anything; the start is field 22 of all.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fmt.Sprintf("%s %d %s", strings.TrimSpace(string(boot)), pid, fields[19])
}

// apart says whether a process surely has another root directory: it is ours
// that lies in a container, with the host's processes in sight.
func apart(pid int) bool {
	ours, err := os.Stat("/")
	if err != nil {
		return false
	}
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/root", pid))
	return err == nil && !os.SameFile(ours, theirs)
}

// nested says whether a process is in a pid namespace below ours: NSpid of
// /proc/PID/status (Linux 4.1) then has a number for each of them.
func nested(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(numbers)) > 1
		}
	}
	return false
}

// strange says why the engine's process numbers cannot be taken for ours; "":
// nothing speaks against it. See Info.Local.
func (p peer) strange(info Info) string {
	switch {
	case !p.unix:
		return "the engine is reached over the network"
	case p.pid <= 0:
		return "drydock runs in a container, and the engine outside of it"
	case p.apart:
		return "drydock runs in a container, and the engine outside of it"
	case p.nested:
		return "the engine counts processes in a pid namespace of its own"
	case info.Kernel != kernelRelease():
		return fmt.Sprintf("the engine runs on another kernel (%s), in a virtual machine or elsewhere", info.Kernel)
	case info.Memory != memoryTotal():
		return "the engine's machine has another amount of memory than this one"
	case info.Name != hostName():
		return fmt.Sprintf("the engine's host is called %q", info.Name)
	}
	return ""
}

func kernelRelease() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// memoryTotal is MemTotal of /proc/meminfo in bytes, which engines report to
// the byte and which no virtual machine shares with its host.
func memoryTotal() int64 {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return -1
	}
	var kib int64
	if _, err := fmt.Sscanf(string(content), "MemTotal: %d kB", &kib); err != nil {
		return -1
	}
	return kib << 10
}
