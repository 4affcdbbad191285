// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// Stray is an attempt whose supervisor died.
type Stray = client.Stray

// Clean removes what dead supervisors left: processes, cgroups, layers, lease
// files. Living ones hold their lease's lock and are left alone. Of the config
// only the paths count.
func Clean(config Config) ([]Stray, error) {
	leases := client.LeasesIn(config.LeaseDir)
	h, err := detect(leases)
	if err != nil {
		return nil, err
	}
	c := cleaner{hierarchy: h, leases: leases}
	if os.Geteuid() != 0 {
		c.ids = findIDs()
		c.shim, _ = findShim(config.Shim) // needed for some files only
	}
	return c.clean()
}

// cleaner removes what attempts leave.
type cleaner struct {
	hierarchy cgroup.Hierarchy
	leases    client.Leases
	shim      string
	ids       *idMap // nil for root
}

func (s *Sandbox) cleaner() cleaner {
	return cleaner{hierarchy: s.hierarchy, leases: s.leases, shim: s.shim, ids: s.ids}
}

// clean looks at every lease of the directory, and at every group below its
// base.
func (c cleaner) clean() ([]Stray, error) {
	names, err := c.leases.Names()
	if err != nil || names == nil {
		return nil, err
	}
	if c.ids == nil || c.hierarchy.Owned != "" { // the groups at the top are root's
		names = append(names, slices.DeleteFunc(c.hierarchy.Names(), func(name string) bool { return !client.IsAttempt(name) })...)
	}
	slices.Sort(names)
	return c.leases.Sweep(slices.Compact(names), sandboxName, func(name string, l client.Lease) (int, error) {
		killed := c.at(l.Base).Group(name).Kill()
		return killed, c.cleanAttempt(name, l.Dir, l.Base)
	})
}

// at is the hierarchy with the base that a lease names; "": this one's.
func (c cleaner) at(base string) cgroup.Hierarchy {
	h := c.hierarchy
	if base != "" {
		h.Base, h.Owned = base, filepath.Dir(base)
	}
	return h
}

// cleanAttempt removes an attempt's cgroup, layers and lease.
func (c cleaner) cleanAttempt(name, dir, base string) error {
	var errs []error
	h := c.at(base)
	if hold, err := h.HoldBase(c.leases.Path(wire.BaseLock)); err == nil {
		g := h.Group(name)
		g.Kill()
		errs = append(errs, g.Remove(), hold.Release())
	}
	if dir != "" {
		errs = append(errs, c.removeScratch(dir))
	}
	return errors.Join(append(errs, c.leases.Remove(name))...)
}

// removeScratch deletes the private layers. Those of an ordinary user hold
// files of the user's subordinate ids.
func (c cleaner) removeScratch(dir string) error {
	var errs []error
	if c.ids == nil {
		errs = append(errs, hard.Clean(filepath.Join(dir, shimapi.LayersDir)))
	}
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
