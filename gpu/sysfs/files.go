// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// word is the text of a file without the blanks around it; "" where it is
// not to be read.
func word(parts ...string) string {
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// number reads a number, decimal or 0x…; ok is false where there is none.
func number(parts ...string) (int64, bool) {
	n, err := strconv.ParseInt(word(parts...), 0, 64)
	return n, err == nil
}

// bytesIn is a number of bytes in a file; nil: not known.
func bytesIn(parts ...string) *int64 {
	if n, ok := number(parts...); ok && n >= 0 {
		return &n
	}
	return nil
}

// linked is the last part of where a link leads; "" is no link.
func linked(parts ...string) string {
	to, err := os.Readlink(filepath.Join(parts...))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// numbered lists the entries of a directory that are prefix and a number, by number.
func numbered(dir, prefix string) []int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []int
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), prefix); ok {
			if n, err := strconv.Atoi(rest); err == nil && n >= 0 && strconv.Itoa(n) == rest {
				all = append(all, n)
			}
		}
	}
	slices.Sort(all)
	return all
}

// node is the state of a device's node: "" is well, and group is whose it is
// where not everybody may open it (-1: everybody, or root alone).
func node(root, path string) (wrong string, group int) {
	info, err := os.Stat(filepath.Join(root, path))
	if err != nil || info.IsDir() {
		return path + " is not there", -1
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o006 == 0o006 || stat.Gid == 0 {
		return "", -1
	}
	return "", int(stat.Gid)
}

// nodes is node for several: the first that is wrong, and the groups without doubles.
func nodes(root string, paths ...string) (wrong string, groups []int) {
	for _, path := range paths {
		bad, group := node(root, path)
		if bad != "" && wrong == "" {
			wrong = bad
		}
		if group >= 0 && !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return wrong, groups
}
