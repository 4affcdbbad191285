// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// blockSize is the unit of a file's block count (stat(2)).
const blockSize = 512

// inode is a file, by whatever name.
type inode struct{ dev, ino uint64 }

// walker adds up a look.
type walker struct {
	ctx     context.Context
	seen    map[inode]bool // those with more than one name
	worth   int64          // the least for a directory to be named
	largest []sandbox.DirUse
	files   int   // looked at
	err     error // the first thing that could not be looked at
}

// Depth and width of a walk: a directory costs a descriptor while it is looked
// at, and names are read so many at a time.
const (
	deepest   = 512
	batchSize = 256
)

// measure counts a place. What is not there takes nothing.
func (w *walker) measure(p Place) int64 {
	var st unix.Stat_t
	if err := unix.Lstat(p.Path, &st); err != nil {
		w.note(p.Path, err)
		return 0
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return w.count(&st)
	}
	fd, err := openDir(unix.AT_FDCWD, p.Path)
	if err != nil {
		w.note(p.Path, err)
		return 0
	}
	total, unnamed := w.directory(fd, &st, p.Inside, 0)
	if unnamed >= w.worth {
		w.name(p.Inside, unnamed)
	}
	return total
}

// directory counts an open directory and all below it, and closes it. unnamed
// is what is not yet in largest: a directory is named when it holds much beside
// those below it that are named already.
func (w *walker) directory(fd int, st *unix.Stat_t, inside string, depth int) (total, unnamed int64) {
	dir := os.NewFile(uintptr(fd), inside)
	defer dir.Close()
	total = st.Blocks * blockSize
	unnamed = total
	for w.ctx.Err() == nil {
		names, err := dir.Readdirnames(batchSize)
		for _, name := range names {
			all, rest := w.entry(fd, name, st.Dev, inside, depth)
			total, unnamed = total+all, unnamed+rest
		}
		if err != nil || len(names) == 0 {
			break // at its end, or it is gone
		}
	}
	if depth > 0 && unnamed >= w.worth {
		w.name(inside, unnamed)
		unnamed = 0
	}
	return total, unnamed
}

func (w *walker) entry(parent int, name string, dev uint64, inside string, depth int) (total, unnamed int64) {
	w.files++
	var st unix.Stat_t
	if err := unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		w.note(inside, err)
		return 0, 0
	}
	if st.Dev != dev {
		return 0, 0 // something mounted here: not the task's layer
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		n := w.count(&st)
		return n, n
	}
	inside = path.Join(inside, name)
	if depth >= deepest {
		w.note(inside, fmt.Errorf("more than %d directories in each other", deepest))
		return 0, 0
	}
	fd, err := openDir(parent, name)
	if err != nil {
		w.note(inside, err)
		return 0, 0
	}
	return w.directory(fd, &st, inside, depth+1)
}

// count is what a file takes, the first time that it is met.
func (w *walker) count(st *unix.Stat_t) int64 {
	if st.Nlink > 1 {
		id := inode{st.Dev, st.Ino}
		if w.seen[id] {
			return 0
		}
		w.seen[id] = true
	}
	return st.Blocks * blockSize
}

func (w *walker) name(inside string, bytes int64) {
	if inside != "" {
		w.largest = append(w.largest, sandbox.DirUse{Path: inside, Bytes: bytes})
	}
}

// note keeps the first thing that could not be looked at. That something has
// gone meanwhile is none.
func (w *walker) note(inside string, err error) {
	if w.err == nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		w.err = fmt.Errorf("%s: %w", inside, err)
	}
}

func openDir(parent int, name string) (int, error) {
	return unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}
