// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/native/shimapi"
)

// Stray is an attempt whose supervisor died.
type Stray struct {
	ID      string
	Attempt int
	Dir     string // of the attempt; "" when not known
	Killed  int    // processes that still ran

	base string // of its group; "": the lease directory's
}

// Clean removes what dead supervisors left: processes, cgroups, layers, lease
// files. Living ones hold their lease's lock and are left alone. Of the config
// only the paths count.
func Clean(config Config) ([]Stray, error) {
	if config.LeaseDir == "" {
		config.LeaseDir = defaultLeaseDir()
	}
	h, err := detect(config.LeaseDir)
	if err != nil {
		return nil, err
	}
	c := cleaner{hierarchy: h, leaseDir: config.LeaseDir}
	if os.Geteuid() != 0 {
		c.ids = findIDs()
		c.shim, _ = findShim(config.Shim) // needed for some files only
	}
	return c.clean()
}

// cleaner removes what attempts leave.
type cleaner struct {
	hierarchy cgroup.Hierarchy
	leaseDir  string
	shim      string
	ids       *idMap // nil for root
}

func (s *Sandbox) cleaner() cleaner {
	return cleaner{hierarchy: s.hierarchy, leaseDir: s.config.LeaseDir, shim: s.shim, ids: s.ids}
}

func (c cleaner) clean() ([]Stray, error) {
	if err := trustLeaseDir(c.leaseDir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil // nothing ever ran here
		}
		return nil, err
	}
	var strays []Stray
	var errs []error
	for _, name := range c.strayNames() {
		stray, err := c.cleanDead(name)
		if stray != nil {
			strays = append(strays, *stray)
		}
		errs = append(errs, err)
	}
	return strays, errors.Join(errs...)
}

// cleanDead cleans up one attempt if nobody holds its lease. It holds the
// lease meanwhile: two cleaners never work on one attempt.
func (c cleaner) cleanDead(name string) (*Stray, error) {
	held, stray, dead := inspectLease(filepath.Join(c.leaseDir, name))
	if held != nil {
		defer held.Close()
	}
	if !dead {
		return nil, nil
	}
	stray.Killed = c.at(stray.base).Group(name).Kill()
	err := c.cleanAttempt(name, stray.Dir, stray.base)
	if stray.Dir == "" && stray.Killed == 0 {
		return nil, err // it ended in order while we looked
	}
	return &stray, err
}

// at is the hierarchy with the base that a lease names; "": this one's.
func (c cleaner) at(base string) cgroup.Hierarchy {
	h := c.hierarchy
	if base != "" {
		h.Base, h.Owned = base, filepath.Dir(base)
	}
	return h
}

// strayNames lists what may be a stray: every group and every lease file of
// this lease directory.
func (c cleaner) strayNames() []string {
	names := map[string]bool{}
	if c.ids == nil || c.hierarchy.Owned != "" { // the groups at the top are root's
		for _, name := range c.hierarchy.Names() {
			names[name] = true
		}
	}
	entries, _ := os.ReadDir(c.leaseDir)
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
		if filepath.IsLocal(l.Base) {
			stray.base = l.Base
		}
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
func (c cleaner) cleanAttempt(group, dir, base string) error {
	var errs []error
	h := c.at(base)
	if hold, err := h.HoldBase(filepath.Join(c.leaseDir, shimapi.BaseLock)); err == nil {
		g := h.Group(group)
		g.Kill()
		errs = append(errs, g.Remove(), hold.Release())
	}
	if dir != "" {
		errs = append(errs, c.removeScratch(dir))
	}
	if err := os.Remove(filepath.Join(c.leaseDir, group)); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// removeScratch deletes the private layers. Those of an ordinary user hold
// files of the user's subordinate ids.
func (c cleaner) removeScratch(dir string) error {
	var errs []error
	var left []string
	for _, name := range shimapi.Scratch {
		path := filepath.Join(dir, name)
		if err := os.RemoveAll(path); err != nil {
			errs, left = append(errs, err), append(left, path)
		}
	}
	if len(left) > 0 && c.ids != nil && c.shim != "" {
		return asShim(c.shim, c.ids, append([]string{shimapi.RemoveArg}, left...)...)
	}
	return errors.Join(errs...)
}
