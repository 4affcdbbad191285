// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// Stray is an attempt whose supervisor died.
type Stray = client.Stray

// Clean removes what dead supervisors left: containers, cgroups, scratch
// directories, lease files. Living ones hold their lease's lock and are left
// alone, and so are other users' and those of other lease directories, also of
// equal ones on other machines or in other containers. Errors are
// *sandbox.UnsupportedError where there is no engine to ask.
func Clean(ctx context.Context, config Config) ([]Stray, error) {
	e, err := engine.Open(ctx, config.Engine)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	leases := client.LeasesIn(config.LeaseDir)
	return cleaner{engine: e, leases: leases, host: findHostAccess(e.Info(), leases)}.clean(ctx)
}

// scratch are the entries of an attempt's directory that do not outlive it.
var scratch = []string{wire.WorkDir, holdDir}

// cleanOne is how long one attempt's clean-up may take.
const cleanOne = time.Minute

// containers are the engine's, to list and to remove.
type containers interface {
	List(ctx context.Context, labels map[string]string) ([]engine.Listed, error)
	Remove(ctx context.Context, id string) error
}

// cleaner removes what attempts leave.
type cleaner struct {
	engine containers
	leases client.Leases
	host   hostAccess
}

func (s *Sandbox) cleaner() cleaner {
	return cleaner{engine: s.engine, leases: s.leases, host: s.host}
}

// clean looks at every lease of the directory, and at every container that
// names it and was made in this place.
func (c cleaner) clean(ctx context.Context) ([]Stray, error) {
	names, err := c.leases.Names()
	if err != nil {
		return nil, err
	}
	listed, err := c.engine.List(ctx, map[string]string{
		labelLeases: string(c.leases), labelUID: strconv.Itoa(os.Geteuid()), labelPlace: place(),
	})
	if err != nil {
		return nil, err
	}
	for _, l := range listed {
		if name, ours := attemptOf(l); ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return c.leases.Sweep(slices.Compact(names), sandboxName, func(name string, l client.Lease) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, cleanOne)
		defer cancel()
		return c.cleanAttempt(ctx, name, l.Dir)
	})
}

// cleanAttempt removes an attempt's container, cgroup, scratch directory and
// lease, and returns how many processes still ran. What has a container that
// cannot be removed keeps its lease, for the next who cleans.
func (c cleaner) cleanAttempt(ctx context.Context, name, dir string) (killed int, err error) {
	if c.host.owned {
		killed = c.host.group(name).Kill()
	}
	running, err := c.removeContainers(ctx, name)
	if err != nil {
		return killed, err
	}
	killed = max(killed, running)
	var errs []error
	switch h := c.host.hierarchy; {
	case c.host.slices:
		errs = append(errs, c.host.removeSlice(name))
	case c.host.owned:
		if hold, err := h.HoldBase(c.leases.Path(wire.BaseLock)); err == nil {
			errs = append(errs, h.Parent(name).Remove(), hold.Release())
		}
	}
	if dir != "" {
		if os.Geteuid() == 0 {
			errs = append(errs, cleanHold(dir))
		}
		for _, entry := range scratch {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, entry)))
		}
	}
	return killed, errors.Join(append(errs, c.leases.Remove(name))...)
}

// removeContainers removes the containers of an attempt of ours, of which
// there is one at most, and says how many ran.
func (c cleaner) removeContainers(ctx context.Context, name string) (running int, err error) {
	id, attempt, _ := cutLast(name)
	listed, err := c.engine.List(ctx, map[string]string{
		labelID: id, labelAttempt: attempt, labelLeases: string(c.leases), labelUID: strconv.Itoa(os.Geteuid()),
	})
	if err != nil {
		return 0, err
	}
	for _, l := range listed {
		if of, ours := attemptOf(l); !ours || of != name {
			continue
		}
		if l.State == "running" {
			running++
		}
		if err := c.engine.Remove(ctx, l.ID); err != nil {
			return running, err
		}
	}
	return running, nil
}

// attemptOf is the name of the attempt that a container is, or not: an image
// made of such a container (docker commit) hands its labels on to whatever
// somebody runs of it, but not its name, of which an engine has one only.
func attemptOf(l engine.Listed) (name string, ours bool) {
	name = l.Labels[labelID] + "." + l.Labels[labelAttempt]
	return name, client.IsAttempt(name) && l.Name == containerName(name)
}

// cutLast splits an attempt's name at its last dot.
func cutLast(name string) (id, attempt string, ok bool) {
	if i := len(name) - len(filepath.Ext(name)); i < len(name) {
		return name[:i], name[i+1:], true
	}
	return name, "", false
}
