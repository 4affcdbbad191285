// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise/client"
)

// sandboxName is what outcomes and leases call this sandbox.
const sandboxName = "docker"

// Config adjusts the sandbox. The zero value is the engine that the docker
// command would use.
type Config struct {
	// Engine says which engine is meant.
	Engine engine.Config
	// LeaseDir is the machine-wide directory of locks. "": DRYDOCK_LEASE_DIR,
	// else /run/lock/drydock.
	LeaseDir string
	// Supervisor is the command that runs Supervise. Nil: this program, with
	// SupervisorArg, which hands over in its main function.
	Supervisor []string
	// Ahead starts the supervisor of the first attempt at once, so that its
	// program is loaded when there is one. One that nobody needs is gone in a
	// few seconds.
	Ahead bool
	// OnStray is told of every attempt of a dead supervisor that was cleaned
	// up; nil: nobody.
	OnStray func(Stray)
}

// Sandbox is the sandbox of one engine. It is safe for concurrent use.
type Sandbox struct {
	config     engine.Config
	engine     *engine.Engine
	leases     client.Leases
	supervisor []string
	spare      spare
	host       hostAccess
	cleaned    chan struct{} // closed when what dead supervisors left is gone
	stopClean  context.CancelFunc

	mu     sync.Mutex // guards images
	images map[string]seenImage
}

var (
	_ sandbox.Sandbox  = (*Sandbox)(nil)
	_ sandbox.Reporter = (*Sandbox)(nil)
	_ sandbox.Attacher = (*Sandbox)(nil)
	_ sandbox.Preparer = (*Sandbox)(nil)
)

// New finds the engine and begins to clean up what dead supervisors left.
// Errors are *sandbox.UnsupportedError, or the end of ctx.
func New(ctx context.Context, config Config) (*Sandbox, error) {
	supervisor, err := findSupervisor(config.Supervisor)
	if err != nil {
		return nil, err
	}
	var spare spare
	if config.Ahead {
		spare = startSpare(supervisor)
	}
	e, err := engine.Open(ctx, config.Engine)
	if err != nil {
		spare.drop()
		return nil, err
	}
	s := &Sandbox{
		config: config.Engine, engine: e, supervisor: supervisor, spare: spare,
		leases:  client.LeasesIn(config.LeaseDir),
		cleaned: make(chan struct{}),
		images:  map[string]seenImage{},
	}
	s.host = findHostAccess(e.Info(), s.leases)
	clean, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopClean = stop
	go func() { // waitClean waits for it, and Close stops it
		defer close(s.cleaned)
		strays, _ := s.cleaner().clean(clean)
		for _, stray := range strays {
			if config.OnStray != nil {
				config.OnStray(stray)
			}
		}
	}()
	return s, nil
}

// Close lets the engine go. Attempts that run go on.
func (s *Sandbox) Close() error {
	s.spare.drop()
	s.stopClean()
	<-s.cleaned
	return s.engine.Close()
}

// cleanPatience bounds how long an ended attempt waits for the clean-up that
// goes on beside it: a busy engine may take seconds to remove a container, and
// Close cuts the rest short.
const cleanPatience = 20 * time.Second

func (s *Sandbox) waitClean() {
	select {
	case <-s.cleaned:
	case <-time.After(cleanPatience):
	}
}

// Info is what the engine said of itself.
func (s *Sandbox) Info() engine.Info { return s.engine.Info() }

// Engine is the engine's name and version, as outcomes have it.
func (s *Sandbox) Engine() string { return s.engine.Info().String() }

// Gateway is this machine's address on the engine's default bridge; zero where
// there is none.
func (s *Sandbox) Gateway(ctx context.Context) (netip.Addr, error) { return s.engine.Gateway(ctx) }

// attempts start and follow the supervisors.
func (s *Sandbox) attempts() *client.Attempts {
	return &client.Attempts{
		Sandbox: sandboxName, Program: "the supervisor", Leases: s.leases,
		Cleaned: s.waitClean,
		Clean: func(name string, l client.Lease) error {
			ctx, cancel := context.WithTimeout(context.Background(), cleanOne)
			defer cancel()
			_, err := s.cleaner().cleanAttempt(ctx, name, l.Dir)
			return err
		},
	}
}

// Start begins an attempt; see sandbox.Sandbox. An image that is not here is
// fetched first, as Prepare would; errors are *sandbox.SpecError,
// *sandbox.ImageError and *sandbox.AcceleratorError, too.
func (s *Sandbox) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := s.check(spec); err != nil {
		return nil, err
	}
	image, err := s.provide(ctx, spec, nil)
	if err != nil {
		return nil, err
	}
	w, err := s.findWay(ctx, spec)
	if err != nil {
		return nil, err
	}
	ahead, err := s.spare.take(s.supervisor)
	if err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	return s.attempts().Start(client.Supervisor{Spec: spec, Ahead: ahead, Config: s.plan(spec, image, w)}, streams)
}

// Attach follows an attempt that another process started; see
// sandbox.Attacher.
func (s *Sandbox) Attach(ctx context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	return s.attempts().Attach(ctx, spec)
}

// hostAccess is what drydock may do to the host beside asking the engine.
type hostAccess struct {
	// owned says that containers can be put below a cgroup of drydock's own.
	owned     bool
	hierarchy cgroup.Hierarchy
	why       string // why not owned
	slices    bool   // the groups are systemd's slices
	own       string // what the names of this lease directory's slices have in front
}

// findHostAccess looks at the engine and at the host's cgroups.
func findHostAccess(info engine.Info, leases client.Leases) hostAccess {
	h, err := cgroup.Detect()
	h.Base = leases.GroupBase()
	if err == nil {
		err = ownable(info, h)
	}
	if err != nil {
		return hostAccess{hierarchy: h, why: err.Error()}
	}
	access := hostAccess{owned: true, hierarchy: h}
	if info.CgroupDriver == driverSystemd {
		access = access.inSlices()
	}
	return access
}

// ownable says what keeps containers from lying below a cgroup of drydock's.
func ownable(info engine.Info, h cgroup.Hierarchy) error {
	switch {
	case !info.Local:
		return errors.New(info.Remote)
	case info.Rootless:
		return errors.New("the engine is rootless: its containers lie in its user's cgroup")
	case info.CgroupDriver == driverSystemd:
		if err := sliceable(info, h); err != nil {
			return err
		}
	case info.CgroupDriver != "cgroupfs":
		return errors.New("the engine leaves cgroups to " + info.CgroupDriver)
	case h.ManagedBySystemd():
		return errors.New("the cgroups are systemd's, and the engine does not ask it for them")
	}
	if info.CgroupVersion != 0 && info.CgroupVersion != h.Version {
		return errors.New("the engine sees another version of cgroups than drydock")
	}
	if err := h.Writable(); err != nil {
		return errors.New("no right to make cgroups: " + err.Error())
	}
	return nil
}
