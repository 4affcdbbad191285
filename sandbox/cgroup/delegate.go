// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An ordinary user may divide that part of a v2 tree which was delegated: a
// group whose files are the user's own (Documentation/admin-guide/cgroup-v2,
// "Delegation"). systemd delegates to a unit with Delegate=yes.

// keepers is the group, below the delegated one, that drydock and its
// supervisors live in: only a group without processes of its own may pass
// controllers on.
const keepers = "drydock-supervisors"

// Delegation is a group that this process may divide.
type Delegation struct {
	// Path is the group, from the hierarchy's root, without a leading slash.
	Path string
	// Marked says that whoever made the group meant it to be divided. A group
	// that is merely writable may belong to the user's systemd, which would
	// not like company.
	Marked bool
}

// Delegated finds the group that was delegated to this process: the one that
// it is in, or the one above if it has moved into keepers before.
func (h Hierarchy) Delegated() (Delegation, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Delegation{}, err
	}
	own, ok := ownPath(string(data), "")
	if h.Version != 2 || !ok {
		return Delegation{}, errors.New("this process is in no group of cgroup v2")
	}
	return h.delegatedAt(own)
}

func (h Hierarchy) delegatedAt(own string) (Delegation, error) {
	settled := filepath.Base(own) == keepers
	if settled {
		own = filepath.Dir(own)
	}
	d := Delegation{Path: strings.Trim(own, "/")}
	dir := filepath.Join(h.Unified, own)
	for _, file := range []string{".", "cgroup.procs", "cgroup.subtree_control"} {
		path := filepath.Join(dir, file)
		if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS); err != nil {
			return d, &os.PathError{Op: "write to", Path: path, Err: err}
		}
	}
	d.Marked = settled || marked(dir)
	return d, nil
}

// marked looks for what systemd writes on a delegated group: a user's
// systemd can write the second only, and before version 254 does not.
func marked(dir string) bool {
	var value [8]byte
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// Below is the hierarchy with everything of ours below a delegated group.
func (h Hierarchy) Below(d Delegation) Hierarchy {
	h.Owned = d.Path
	h.Base = filepath.Join(d.Path, filepath.Base(h.Base))
	return h
}

// MissingControllersError says that a delegated group lacks what a task's
// limits need.
type MissingControllersError struct {
	Dir  string
	Want []string
}

func (e *MissingControllersError) Error() string {
	return fmt.Sprintf("the controllers %s are not passed on to %s", strings.Join(e.Want, " and "), e.Dir)
}

// essential controllers must be had.
var essential = []string{"memory", "pids"}

// Settle makes the delegated group ready to be divided: its processes, this
// one among them, move into a group of their own, and its controllers are
// passed on. It may be called again, also by other processes.
func (h Hierarchy) Settle() error {
	dir := filepath.Join(h.Unified, h.Owned)
	if missing := h.missing(essential); len(missing) > 0 {
		return &MissingControllersError{Dir: dir, Want: missing}
	}
	home := filepath.Join(dir, keepers)
	if err := os.Mkdir(home, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// Processes may be forked while we move them.
	for range 10 {
		if err := moveAll(dir, home); err != nil {
			return err
		}
		err := enableControllers(dir)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return &os.PathError{Op: "pass controllers on from", Path: dir, Err: unix.EBUSY}
}

// moveAll moves every process of one group into another.
func moveAll(from, to string) error {
	for _, pid := range readProcs(filepath.Join(from, "cgroup.procs")) {
		err := writeFile(filepath.Join(to, "cgroup.procs"), fmt.Sprint(pid))
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// Has reports whether tasks can have a controller.
func (h Hierarchy) Has(controller string) bool {
	if h.Version == 1 {
		return h.Controllers[controller] != ""
	}
	data, _ := os.ReadFile(filepath.Join(h.Unified, h.Owned, "cgroup.controllers"))
	return slices.Contains(strings.Fields(string(data)), controller)
}

func (h Hierarchy) missing(controllers []string) []string {
	return slices.DeleteFunc(slices.Clone(controllers), h.Has)
}
