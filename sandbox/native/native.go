// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/supervise/client"
)

// Config adjusts the native sandbox. The zero value is right for everybody
// but tests.
type Config struct {
	// Shim is the path of drydock-shim. "": DRYDOCK_SHIM, else beside the
	// running program.
	Shim string
	// LeaseDir is the machine-wide directory of locks. "": DRYDOCK_LEASE_DIR,
	// else /run/lock/drydock.
	LeaseDir string
	// OnStray is told of every attempt of a dead supervisor that was cleaned
	// up; nil: nobody.
	OnStray func(Stray)
}

// Sandbox is the native sandbox. It is safe for concurrent use.
type Sandbox struct {
	leases    client.Leases
	shim      string
	hierarchy cgroup.Hierarchy
	ids       *idMap        // of an ordinary user's attempts; nil for root
	clean     chan struct{} // closed when what dead supervisors left is gone
}

var (
	_ sandbox.Sandbox  = (*Sandbox)(nil)
	_ sandbox.Reporter = (*Sandbox)(nil)
	_ sandbox.Attacher = (*Sandbox)(nil)
)

// New checks that this machine can run attempts and begins to clean up what
// dead supervisors left. Errors are *sandbox.UnsupportedError.
//
// For an ordinary user it moves this process into a cgroup that is delegated
// to the user, unless it is in one: limits are written there, and the kernel
// lets the user start processes only within it.
func New(config Config) (*Sandbox, error) {
	leases := client.LeasesIn(config.LeaseDir)
	shim, err := findShim(config.Shim)
	if err != nil {
		return nil, err
	}
	h, err := usableCgroups(leases)
	if err != nil {
		return nil, err
	}
	go h.Warm() // ends by itself, and nobody waits for it
	s := &Sandbox{leases: leases, shim: shim, hierarchy: h, clean: make(chan struct{})}
	if os.Geteuid() != 0 {
		s.ids = findIDs()
		if err := appArmorLets("/", shim, func() error { return tryNamespace(shim, s.ids) }); err != nil {
			return nil, err
		}
	}
	go func() { // cleaned waits for it
		defer close(s.clean)
		strays, _ := s.cleaner().clean()
		for _, stray := range strays {
			if config.OnStray != nil {
				config.OnStray(stray)
			}
		}
	}()
	return s, nil
}

// cleanPatience bounds how long an ended attempt waits for the clean-up that
// goes on beside it.
const cleanPatience = 5 * time.Second

// cleaned waits for the clean-up that New began.
func (s *Sandbox) cleaned() {
	select {
	case <-s.clean:
	case <-time.After(cleanPatience):
	}
}

// findShim locates the supervisor's program.
func findShim(path string) (string, error) {
	if path == "" {
		path = os.Getenv("DRYDOCK_SHIM")
	}
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		path = filepath.Join(filepath.Dir(self), "drydock-shim")
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return filepath.Abs(path)
	}
	reason := "is not an executable file"
	if errors.Is(err, os.ErrNotExist) {
		reason = "does not exist"
	}
	return "", &sandbox.UnsupportedError{
		What:   fmt.Sprintf("drydock-shim %s: %s", reason, path),
		Remedy: "install it beside drydock (make build makes both), or set DRYDOCK_SHIM to its path",
	}
}

// usableCgroups checks that limits can be set here at all.
func usableCgroups(leases client.Leases) (cgroup.Hierarchy, error) {
	h, err := detect(leases)
	if err != nil {
		return h, &sandbox.UnsupportedError{
			What:   err.Error(),
			Remedy: "boot with the memory controller on (kernel parameter cgroup_enable=memory) and mount cgroup2 on /sys/fs/cgroup",
		}
	}
	if os.Geteuid() != 0 {
		return userCgroups(h)
	}
	if err := h.Writable(); err != nil {
		return h, &sandbox.UnsupportedError{What: "no right to make cgroups: " + err.Error(), Remedy: cgroupRemedy(h)}
	}
	return h, nil
}

// cgroupRemedy names the exact command that gives the right.
func cgroupRemedy(h cgroup.Hierarchy) string {
	switch {
	case os.Geteuid() == 0:
		return "the cgroup file system is read-only here (a container?): start the container with --privileged --cgroupns=host, or run drydock on the host"
	case h.Version == 1:
		return "run it with sudo, or boot with cgroup v2 alone: systemd.unified_cgroup_hierarchy=1 on the kernel's command line"
	default:
		return "run it with sudo, from a login session of your own (ssh, a console, `machinectl shell`), or after `loginctl enable-linger`; where drydock cannot ask your systemd itself, type `systemd-run --user --scope -p Delegate=yes drydock run …`"
	}
}

// Start begins an attempt; see sandbox.Sandbox.
func (s *Sandbox) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if root := stateRoot(spec.Dir); root != spec.Dir {
		// Made now, so that it is hidden from the task like the rest.
		if err := os.MkdirAll(filepath.Join(root, cacheName), 0o700); err != nil {
			return nil, err
		}
	}
	plan, err := s.plan(spec)
	if err != nil {
		return nil, err
	}
	return s.launch(plan, spec, streams)
}

// Attach follows an attempt that another process started; see
// sandbox.Attacher.
func (s *Sandbox) Attach(ctx context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	return s.attempts().Attach(ctx, spec)
}
