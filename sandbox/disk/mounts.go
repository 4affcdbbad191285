// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	id, device, root, point, fstype string
	upper                           string // an overlay's upper directory
}

// mounts are those that a process sees; nil when it is gone.
func mounts(pid int) []mount {
	data, err := os.ReadFile(procPath(pid, "mountinfo"))
	if err != nil {
		return nil
	}
	var all []mount
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, more := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(more) < 3 {
			continue
		}
		m := mount{id: fields[0], device: fields[2], root: unescape(fields[3]), point: unescape(fields[4]), fstype: more[0]}
		for option := range strings.SplitSeq(more[2], ",") {
			if upper, ok := strings.CutPrefix(option, "upperdir="); ok {
				m.upper = unescape(upper)
			}
		}
		all = append(all, m)
	}
	return all
}

// unescape undoes mountinfo's \040 for a blank and its kin.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// shows reports whether what is written to the mount lies in the place.
func (m mount) shows(p Place) bool {
	if m.upper != "" {
		return m.upper == p.Path
	}
	var st unix.Stat_t
	if unix.Lstat(p.Path, &st) != nil || m.root == "/" || !strings.HasSuffix(p.Path, m.root) {
		return false
	}
	return m.device == strconv.Itoa(int(unix.Major(st.Dev)))+":"+strconv.Itoa(int(unix.Minor(st.Dev)))
}

// RootLayer is the upper directory of the overlay that is a process's root
// file system, where this process can walk it; else why says why not.
func RootLayer(pid int) (dir, why string) {
	for _, m := range mounts(pid) {
		if m.point != "/" {
			continue
		}
		if m.upper == "" || !filepath.IsAbs(m.upper) {
			return "", "the container's root file system is no overlay: it is " + m.fstype
		}
		fd, err := openDir(unix.AT_FDCWD, m.upper)
		if err != nil {
			return "", "the container's writable layer cannot be read: " + err.Error()
		}
		unix.Close(fd)
		return m.upper, ""
	}
	return "", "the container was gone before its writable layer was found"
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }
