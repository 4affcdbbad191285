// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

// standardLeaseDir is machine-wide on purpose: it does not move with the
// state directory, so that all users of a machine see each other's leases.
const standardLeaseDir = "/run/lock/drydock"

func defaultLeaseDir() string {
	if dir := os.Getenv("DRYDOCK_LEASE_DIR"); dir != "" {
		return dir
	}
	return standardLeaseDir
}

// lease is what a lease file says; who holds its lock is alive.
type lease struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
	Dir     string `json:"dir"` // the attempt's
	// Base is the group that an ordinary user's attempt lies under: another
	// for each process that starts some.
	Base string `json:"base,omitempty"`
}

// groupBase is the cgroup that the attempts of one lease directory lie under,
// so that cleaning in one (a test's) never touches another's attempts.
func groupBase(leaseDir string) string {
	if leaseDir == standardLeaseDir {
		return cgroup.StandardBase
	}
	h := fnv.New32a()
	h.Write([]byte(leaseDir))
	return fmt.Sprintf("%s-%08x", cgroup.StandardBase, h.Sum32())
}

// detect reads the machine's cgroups, with the base of a lease directory.
func detect(leaseDir string) (cgroup.Hierarchy, error) {
	h, err := cgroup.Detect()
	h.Base = groupBase(leaseDir)
	if systemdManages(h) {
		h = inScope(h)
	}
	return h, err
}

// groupName names an attempt's cgroup and lease file.
func groupName(spec sandbox.Spec) string { return fmt.Sprintf("%s.%d", spec.ID, spec.Attempt) }

// takeLease makes the attempt's lease file, locked. The lock belongs to the
// open file, which the shim inherits: the kernel frees it with the shim. The
// file gets its name only when it is locked and complete, so that nobody who
// cleans up can find it without its holder.
func takeLease(dir, name, base string, spec sandbox.Spec) (*os.File, error) {
	if err := makeLeaseDir(dir); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, leaseTemp)
	if err != nil {
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	path := filepath.Join(dir, name)
	err = fillLease(f, base, spec)
	if err == nil {
		err = os.Link(f.Name(), path) // unlike a rename it never replaces another's
	}
	err = errors.Join(err, os.Remove(f.Name()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("take the lease %s: %w", path, err), f.Close())
	}
	return f, nil
}

// leaseTemp names a lease that is not complete yet.
const leaseTemp = ".new-*"

func fillLease(f *os.File, base string, spec sandbox.Spec) error {
	if err := f.Chmod(0o644); err != nil { // other users read it to see what is taken
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	data, err := json.Marshal(lease{Version: 1, ID: spec.ID, Attempt: spec.Attempt, Dir: spec.Dir, Base: base})
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return err
}

// makeLeaseDir makes the directory for everybody, like /tmp, and refuses one
// in which somebody else could remove or replace our files.
func makeLeaseDir(dir string) error {
	err := os.MkdirAll(filepath.Dir(dir), 0o755)
	if err == nil {
		if err = os.Mkdir(dir, 0o755); err == nil {
			err = os.Chmod(dir, 0o777|os.ModeSticky)
		}
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return &sandbox.UnsupportedError{What: fmt.Sprintf("make the lease directory: %v", err),
			Remedy: "have root make it: `sudo install -d -o root -g root -m 1777 " + dir + "`"}
	}
	if os.Geteuid() == 0 {
		adoptLeaseDir(dir)
	}
	return trustLeaseDir(dir)
}

// adoptLeaseDir makes a directory that an ordinary user made before root came
// root's, so that everybody can trust it. What the user has put there stays
// the user's; being sticky, the directory keeps it apart from what others will.
func adoptLeaseDir(dir string) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return // trustLeaseDir says what is wrong
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Uid != 0 && unix.Fchmod(fd, 0o1777) == nil {
		_ = unix.Fchown(fd, 0, 0)
	}
}

// trustLeaseDir checks that the directory is root's or ours, and that others
// who may write in it cannot touch files of ours.
func trustLeaseDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	foreign := st.Uid != 0 && st.Uid != uint32(os.Geteuid())
	open := st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0
	if !isDir || foreign || open {
		return &sandbox.UnsupportedError{
			What:   fmt.Sprintf("the lease directory %s cannot be trusted: it must be a directory of root's, and sticky where others may write", dir),
			Remedy: "have root make it: `sudo install -d -o root -g root -m 1777 " + dir + "`",
		}
	}
	return nil
}
