// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/native/shimapi"
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
	return h, err
}

// groupName names an attempt's cgroup and lease file.
func groupName(spec sandbox.Spec) string { return fmt.Sprintf("%s.%d", spec.ID, spec.Attempt) }

// takeLease makes the attempt's lease file, locked. The lock belongs to the
// open file, which the shim inherits: the kernel frees it with the shim. The
// file gets its name only when it is locked and complete, so that nobody who
// cleans up can find it without its holder.
func takeLease(dir, name string, spec sandbox.Spec) (*os.File, error) {
	if err := makeLeaseDir(dir); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, leaseTemp)
	if err != nil {
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	path := filepath.Join(dir, name)
	err = fillLease(f, spec)
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

func fillLease(f *os.File, spec sandbox.Spec) error {
	if err := f.Chmod(0o644); err != nil { // other users read it to see what is taken
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	data, err := json.Marshal(lease{Version: 1, ID: spec.ID, Attempt: spec.Attempt, Dir: spec.Dir})
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
		return fmt.Errorf("make the lease directory: %w", err)
	}
	return trustLeaseDir(dir)
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
			Remedy: "find out who made it, remove it, and run again",
		}
	}
	return nil
}

// Stray is an attempt whose supervisor died.
type Stray struct {
	ID      string
	Attempt int
	Dir     string // of the attempt; "" when not known
	Killed  int    // processes that still ran
}

// Clean removes what dead supervisors left: processes, cgroups, layers, lease
// files. Living ones hold their lease's lock and are left alone. leaseDir ""
// is the machine's.
func Clean(leaseDir string) ([]Stray, error) {
	if leaseDir == "" {
		leaseDir = defaultLeaseDir()
	}
	h, err := detect(leaseDir)
	if err != nil {
		return nil, err
	}
	if err := trustLeaseDir(leaseDir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil // nothing ever ran here
		}
		return nil, err
	}
	var strays []Stray
	var errs []error
	for _, name := range strayNames(h, leaseDir) {
		stray, err := cleanDead(h, name, filepath.Join(leaseDir, name))
		if stray != nil {
			strays = append(strays, *stray)
		}
		errs = append(errs, err)
	}
	return strays, errors.Join(errs...)
}

// cleanDead cleans up one attempt if nobody holds its lease. It holds the
// lease meanwhile: two cleaners never work on one attempt.
func cleanDead(h cgroup.Hierarchy, name, path string) (*Stray, error) {
	held, stray, dead := inspectLease(path)
	if held != nil {
		defer held.Close()
	}
	if !dead {
		return nil, nil
	}
	stray.Killed = h.Group(name).Kill()
	err := cleanAttempt(h, name, stray.Dir, path)
	if stray.Dir == "" && stray.Killed == 0 {
		return nil, err // it ended in order while we looked
	}
	return &stray, err
}

// strayNames lists what may be a stray: every group and every lease file of
// this lease directory.
func strayNames(h cgroup.Hierarchy, leaseDir string) []string {
	names := map[string]bool{}
	for _, name := range h.Names() {
		names[name] = true
	}
	entries, _ := os.ReadDir(leaseDir)
	for _, e := range entries {
		names[e.Name()] = true
	}
	var found []string
	for name := range names {
		// An id is a ULID (26 characters); a dot and the attempt follow.
		if id, _, dotted := strings.Cut(name, "."); dotted && len(id) == 26 {
			found = append(found, name)
		}
	}
	return found
}

// inspectLease reads a lease. dead says that nobody held it; then the caller
// holds it, until it closes the file. Files of other users are theirs to clean.
func inspectLease(path string) (held *os.File, stray Stray, dead bool) {
	id, _, _ := strings.Cut(filepath.Base(path), ".")
	stray.ID = id
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, stray, errors.Is(err, os.ErrNotExist)
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != uint32(os.Geteuid()) {
		return f, stray, false
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return f, stray, false
	}
	var l lease
	if json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&l) == nil && l.ID == id && ownAttempt(l.Dir) {
		stray.Attempt, stray.Dir = l.Attempt, l.Dir
	}
	return f, stray, true
}

// ownAttempt reports whether dir is a directory of ours: what is deleted there
// later must be ours to delete.
func ownAttempt(dir string) bool {
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	return err == nil && filepath.IsAbs(dir) && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Uid == uint32(os.Geteuid()) && st.Mode&0o022 == 0
}

// cleanAttempt removes an attempt's cgroup, layers and lease.
func cleanAttempt(h cgroup.Hierarchy, group, dir, leasePath string) error {
	var errs []error
	if base, err := h.HoldBase(filepath.Join(filepath.Dir(leasePath), shimapi.BaseLock)); err == nil {
		g := h.Group(group)
		g.Kill()
		errs = append(errs, g.Remove(), base.Release())
	}
	if dir != "" {
		for _, name := range shimapi.Scratch {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
	if err := os.Remove(leasePath); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
