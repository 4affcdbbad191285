// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// Find looks for an attempt's own group, whoever made it: a directory that is
// named name, or the slice of that name, wherever in the memory controller's
// hierarchy. It returns the directory, "" when there is none. It looks at every
// group of the machine, which takes milliseconds.
func Find(name string) string {
	h, err := Detect()
	if err != nil {
		return ""
	}
	return find(h.memoryRoot(), name)
}

func find(root, name string) (dir string) {
	slice := "-" + name + ".slice"
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // it went meanwhile, or is none of ours
			return fs.SkipDir
		case !d.IsDir():
			return nil
		case d.Name() == name || strings.HasSuffix(d.Name(), slice):
			dir = path
			return fs.SkipAll
		}
		return nil
	})
	return dir
}

// Inhabited reports whether the group at dir, or one below it, has processes.
func Inhabited(dir string) bool { return len(allProcs(dir)) > 0 }
