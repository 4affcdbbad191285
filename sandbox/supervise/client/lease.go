// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

// standardLeaseDir is machine-wide on purpose: it does not move with the
// state directory, so that all users of a machine see each other's leases.
const standardLeaseDir = "/run/lock/drydock"

// Leases is the directory of this machine's leases, one file for each attempt,
// locked by its supervisor.
type Leases string

// LeasesIn is the directory dir; "": DRYDOCK_LEASE_DIR, else the machine's.
func LeasesIn(dir string) Leases {
	if dir == "" {
		dir = os.Getenv("DRYDOCK_LEASE_DIR")
	}
	if dir == "" {
		dir = standardLeaseDir
	}
	return Leases(dir)
}

// GroupBase is the cgroup that the attempts of this lease directory lie under,
// so that cleaning in one (a test's) never touches another's attempts.
func (l Leases) GroupBase() string {
	if l == standardLeaseDir {
		return cgroup.StandardBase
	}
	h := fnv.New32a()
	h.Write([]byte(l))
	return fmt.Sprintf("%s-%08x", cgroup.StandardBase, h.Sum32())
}

// Path is the lease file of an attempt.
func (l Leases) Path(name string) string { return filepath.Join(string(l), name) }

// Lease is what a lease file says; who holds its lock is alive.
type Lease struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
	Dir     string `json:"dir"` // the attempt's; "" when it is not known, or not ours
	// Base is the group that the attempt's own lies under where that is not
	// the lease directory's: an ordinary user has another for each process
	// that starts some.
	Base string `json:"base,omitempty"`
	// Sandbox is whose the attempt is, and with it what else it left. A lease
	// that does not say so is of the first one, as is what has no lease.
	Sandbox string `json:"sandbox,omitempty"`
	// Holds is what of the machine the attempt was admitted with.
	Holds sandbox.Holds `json:"holds,omitzero"`
}

const (
	leaseVersion = 1 // of the file
	firstSandbox = "native"
)

// Name names an attempt's lease file and its cgroup.
func Name(spec sandbox.Spec) string { return fmt.Sprintf("%s.%d", spec.ID, spec.Attempt) }

// Take makes the attempt's lease file, locked. The lock belongs to the open
// file, which the supervisor inherits; see Keep.
func (l Leases) Take(spec sandbox.Spec, base, sandboxName string) (*os.File, error) {
	if err := l.Make(); err != nil {
		return nil, err
	}
	f, err := l.Keep(Name(spec), Lease{Version: leaseVersion, ID: spec.ID, Attempt: spec.Attempt, Dir: spec.Dir, Base: base, Sandbox: sandboxName, Holds: spec.Holds},
		func() { failpoint.At(failpoint.LeaseDrafted) })
	if err != nil {
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	return f, nil
}

// Inspect reads a lease. dead says that nobody held it; then the caller holds
// it, until it closes the file. A lease that is not there is dead, and there
// is no file. Files of other users are theirs to clean.
func (l Leases) Inspect(name string) (held *os.File, lease Lease, dead bool) {
	id, _, _ := strings.Cut(name, ".")
	lease.ID, lease.Sandbox = id, firstSandbox
	f, err := os.OpenFile(l.Path(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, lease, errors.Is(err, os.ErrNotExist)
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != uint32(os.Geteuid()) {
		return f, lease, false
	}
	if !alone(f) {
		return f, lease, false
	}
	var said Lease
	if json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&said) == nil && said.ID == id {
		lease.Sandbox = cmp.Or(said.Sandbox, firstSandbox)
		if ownAttempt(said.Dir) {
			lease.Attempt, lease.Dir = said.Attempt, said.Dir
			if filepath.IsLocal(said.Base) {
				lease.Base = said.Base
			}
		}
	}
	return f, lease, true
}

// looks is how often a lock is tried that others only look at.
const looks = 100

// alone takes the lock that a living holder has for itself. Those who only look
// (Held, and whoever counts what is taken) share it for a moment, and are no
// reason to leave a dead one's things where they are.
func alone(f *os.File) bool {
	for range looks {
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			return true
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
			return false
		}
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
		time.Sleep(time.Millisecond)
	}
	return false
}

// ownAttempt reports whether dir is a directory of ours: what is deleted there
// later must be ours to delete.
func ownAttempt(dir string) bool {
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	return err == nil && filepath.IsAbs(dir) && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Uid == uint32(os.Geteuid()) && st.Mode&0o022 == 0
}

// Free reports whether no process holds an attempt's lease.
func (l Leases) Free(name string) bool {
	held, _, dead := l.Inspect(name)
	if held != nil {
		held.Close()
	}
	return dead
}

// Held reports whether a living process holds an attempt's lease, whoever's it
// is. It looks by sharing the lock for a moment with others who look.
func (l Leases) Held(name string) bool {
	f, err := os.OpenFile(l.Path(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Dead lists the leases of a sandbox, ours to clean, that nobody holds.
func (l Leases) Dead(sandbox string) ([]string, error) {
	names, err := l.Names()
	return slices.DeleteFunc(names, func(name string) bool {
		held, lease, dead := l.Inspect(name)
		if held != nil {
			held.Close()
		}
		return held == nil || !dead || lease.Sandbox != sandbox
	}), err
}

// Remove deletes a lease file; one that is not there is fine.
func (l Leases) Remove(name string) error {
	if err := os.Remove(l.Path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// IsAttempt reports whether a file or a group may be named after an attempt:
// an id is a ULID (26 characters); a dot and the attempt's number follow.
func IsAttempt(name string) bool {
	id, _, dotted := strings.Cut(name, ".")
	return dotted && len(id) == 26
}

// Names lists the leases. The error is of a directory that cannot be trusted;
// nil means that there is none.
func (l Leases) Names() ([]string, error) {
	if err := l.trust(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil // nothing ever ran here
		}
		return nil, err
	}
	entries, err := os.ReadDir(string(l))
	names := []string{}
	for _, e := range entries {
		if IsAttempt(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}
