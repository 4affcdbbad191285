// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cleanUp ends the engine and removes all that it and its containers made,
// whatever state they are in.
func (g *guarding) cleanUp() error {
	// The engine knows best what belongs to a container, so it is asked first.
	// What it does not do is done below.
	if g.Revive && !g.runs() {
		_ = g.start()
	}
	g.signal(unix.SIGCONT)
	_ = client{path: g.Socket, patience: stopTime}.removeContainers()
	_ = g.stop()
	err := errors.Join(endChildren(), unmountBelow(g.Dir), unmountBelow(g.Root), removeCgroups(g.Cgroup))
	if g.Bridge != "" {
		err = errors.Join(err, removeBridge(g.Bridge))
	}
	if g.Revive {
		removeEmpty(podmanParent)
	}
	return errors.Join(err, emptyDir(g.Root), os.RemoveAll(g.Dir))
}

// endChildren kills and reaps every process below this one. Killing a parent
// makes its children ours, so it goes on until there are none.
func endChildren() error {
	for deadline := time.Now().Add(stopTime); time.Now().Before(deadline); {
		for _, pid := range children() {
			_ = unix.Kill(pid, unix.SIGCONT)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.ECHILD {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("processes that do not die: %v", children())
}

// children are the processes whose parent is this one (proc(5), children
// lists them by thread).
func children() []int {
	var pids []int
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		content, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(content)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// unmountBelow unmounts what is mounted below dir, the last first. A mount on
// dir itself is of whoever chose the place.
func unmountBelow(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	var failed error
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && err != unix.EINVAL {
			failed = errors.Join(failed, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return failed
}

// removeCgroups removes a cgroup and all below it from every hierarchy.
func removeCgroups(name string) error {
	var failed error
	for _, dir := range cgroups(name) {
		failed = errors.Join(failed, removeCgroup(dir))
	}
	return failed
}

// removeEmpty removes what has nobody in it of a cgroup that is not this
// engine's alone.
func removeEmpty(name string) {
	for _, dir := range cgroups(name) {
		_ = unix.Rmdir(dir)
	}
}

// cgroups are a cgroup and all below it in every hierarchy, the inner first.
func cgroups(name string) []string {
	tops, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", "*", name)) // the pattern is good
	var dirs []string
	for _, top := range append(tops, filepath.Join("/sys/fs/cgroup", name)) {
		_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // it is gone already
		})
	}
	slices.Reverse(dirs)
	return dirs
}

// removeCgroup removes one; processes that were just reaped may still count.
func removeCgroup(dir string) error {
	var err error
	for range 200 {
		if err = unix.Rmdir(dir); err == nil || err == unix.ENOENT {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove %s: %w", dir, err)
}

// emptyDir removes what is in a directory. Data lies on file systems that
// tests filled to the brim, or took away.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
