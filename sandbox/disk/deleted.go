// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// deleted counts the files without a name that the processes hold open in the
// places. A walk of a kubelet does not see them. What is mapped and not open
// stays unseen here, too. held is what of them lies in Held places.
func (w *walker) deleted(p Places) (total, held int64) {
	for _, pid := range p.PIDs {
		var own map[string]Place // mounts that show one; read when there is a reason to
		for _, fd := range openFiles(pid) {
			if w.ctx.Err() != nil {
				return total, held
			}
			w.files++
			target, err := os.Readlink(procPath(pid, "fd/"+fd)) // does not touch the file: its server may be dead
			if err != nil || !strings.HasSuffix(target, " (deleted)") || strings.HasPrefix(target, "/memfd:") {
				continue
			}
			if own == nil {
				own = ownMounts(pid, p.Places)
			}
			if place, ok := own[mountOf(pid, fd)]; ok {
				n := w.nameless(pid, fd)
				total += n
				if place.Held {
					held += n
				}
			}
		}
	}
	return total, held
}

// nameless is what an open file takes if it is an ordinary one without a name.
func (w *walker) nameless(pid int, fd string) int64 {
	var st unix.Stat_t
	if unix.Stat(procPath(pid, "fd/"+fd), &st) != nil || st.Nlink != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0
	}
	id := inode{st.Dev, st.Ino} // many descriptors and processes may share it
	if w.seen[id] {
		return 0
	}
	w.seen[id] = true
	return st.Blocks * blockSize
}

func openFiles(pid int) []string {
	dir, err := os.Open(procPath(pid, "fd"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return names
}

// mountOf is the number of the mount that an open file is on (Linux 3.15).
func mountOf(pid int, fd string) string {
	data, _ := os.ReadFile(procPath(pid, filepath.Join("fdinfo", fd)))
	for line := range strings.Lines(string(data)) {
		if id, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

// ownMounts are the numbers of the mounts that show one of the places.
func ownMounts(pid int, places []Place) map[string]Place {
	own := map[string]Place{}
	for _, m := range mounts(pid) {
		for _, p := range places {
			if m.shows(p) {
				own[m.id] = p
			}
		}
	}
	return own
}
