// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// mount is a line of mountinfo.
type mount struct {
	root, target  string
	kind, options string
	super         string // the options of the file system that say how large and whose it is
}

// parseMount reads a line of proc_pid_mountinfo(5).
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	place, fs := strings.Fields(before), strings.Fields(after)
	if !ok || len(place) < 6 || len(fs) < 3 {
		return mount{}, false
	}
	var super []string
	for option := range strings.SplitSeq(fs[2], ",") {
		switch name, _, _ := strings.Cut(option, "="); name {
		case "size", "mode", "gid", "ptmxmode":
			super = append(super, option)
		}
	}
	return mount{root: place[3], target: place[4], options: place[5], kind: fs[0], super: strings.Join(super, ",")}, true
}

func (m mount) String() string {
	return strings.TrimSpace(m.kind + " " + m.options + " " + m.super)
}

// containerMounts are those that a kubelet's container has.
var containerMounts = []string{"/", "/proc", "/dev", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys", "/sys/fs/cgroup"}

// podFiles are single files that a kubelet puts in.
var podFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"}

// mountFacts are about the mounts that both have.
func mountFacts(mountinfo string) facts {
	at := map[string]mount{}
	var readOnly []string
	f := facts{}
	for line := range strings.Lines(mountinfo) {
		m, ok := parseMount(strings.TrimSpace(line))
		if !ok {
			continue
		}
		at[m.target] = m // the last one covers the others
		if name, below := strings.CutPrefix(m.target, "/proc/"); below && m.kind == "proc" && strings.HasPrefix(m.options, "ro,") {
			readOnly = append(readOnly, name)
		}
		if strings.HasPrefix(m.target, "/sys/fs/cgroup/") && m.kind == "cgroup" {
			f["mounts below /sys/fs/cgroup"] = m.kind + " " + m.options
		}
	}
	// Not every kernel has all of them.
	for _, name := range []string{"bus", "fs", "irq", "sys", "sysrq-trigger"} {
		if _, err := os.Lstat("/proc/" + name); err != nil {
			readOnly = append(readOnly, name)
		}
	}
	slices.Sort(readOnly)
	f["read-only in /proc"] = strings.Join(readOnly, " ")
	for _, target := range containerMounts {
		f["mount "+target] = at[target].String()
	}
	for _, target := range podFiles {
		f["mount "+target] = "none: the machine's own"
		if m, ok := at[target]; ok {
			rw, _, _ := strings.Cut(m.options, ",")
			f["mount "+target] = "the pod's own, " + rw
			if m.root == target {
				f["mount "+target] = "the machine's, " + rw
			}
		}
	}
	return f
}

// viewFacts are about /dev, the cgroup file system and what is hidden.
func (l *lab) viewFacts(s map[string]string) facts {
	devices := strings.Fields(s["dev"])
	if _, err := os.Lstat("/proc/kcore"); err != nil { // to which it would lead
		devices = append(devices, "core")
	}
	slices.Sort(devices)
	f := facts{"/dev": strings.Join(devices, " ")}
	f["hidden"] = "all that exist of /proc/{acpi,interrupts,kcore,keys,timer_list}, /sys/firmware"
	for path, size := range pairs(s["hidden"], "=") {
		if size != "0" {
			f["hidden"] = "all but " + path
		}
	}
	f["/proc/self/cgroup"] = "the node's path"
	if strings.TrimSpace(s["cgroup"]) == "0::/" {
		f["/proc/self/cgroup"] = "the root of what it sees"
	}
	refused := s["mkdir"]
	if at := strings.LastIndex(refused, ": "); at >= 0 {
		refused = refused[at+2:]
	}
	f["making a cgroup"] = strings.TrimSpace(refused)
	if l.Cgroup == 1 && strings.TrimSpace(s["tmpfs"]) == "" {
		f["making a cgroup"] = "works, in the tmpfs only"
	}
	return f
}

func TestParseMount(t *testing.T) {
	for line, want := range map[string]mount{
		"76 39 0:38 / /dev/shm rw,relatime - tmpfs shm rw,size=65536k,inode64":     {"/", "/dev/shm", "tmpfs", "rw,relatime", "size=65536k"},
		"1 2 0:3 /x /sys/fs/cgroup/cpu ro,nosuid master:11 - cgroup cgroup rw,cpu": {"/x", "/sys/fs/cgroup/cpu", "cgroup", "ro,nosuid", ""},
	} {
		if got, ok := parseMount(line); !ok || got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
	if _, ok := parseMount("nonsense"); ok {
		t.Error("nonsense is a mount")
	}
}
