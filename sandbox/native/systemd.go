// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/systemd"
)

// Where systemd is the first process, cgroup v2 is its own: it takes
// controllers away again that others have turned on, at the latest with the
// next daemon-reload, and knows of no group that it did not make. Root's
// attempts therefore lie in a scope that systemd delegates and then leaves
// alone, one for all attempts of a lease directory:
//
//	drydock.slice/                the administrator's, e.g. for a MemoryMax
//	  drydock.scope/              delegated
//	    drydock-supervisors/      the shims
//	    drydock/                  what is the common group elsewhere
//	      <task>/task
//
// The first shim has the scope made, the others join it. It lasts as long as
// any of them, whatever becomes of the login session or the service in which
// drydock was started.

// systemdManages says whether root's groups are systemd's to hand out.
func systemdManages(h cgroup.Hierarchy) bool { return os.Geteuid() == 0 && h.ManagedBySystemd() }

// inScope is the hierarchy with everything of ours in the common scope.
func inScope(h cgroup.Hierarchy) cgroup.Hierarchy {
	h.Base = filepath.Join(cgroup.Slice, h.Base+".scope", h.Base)
	return h
}

// scopeOf is the group of the scope that a base lies in, or "".
func scopeOf(base string) string {
	if dir := filepath.Dir(base); strings.HasSuffix(dir, ".scope") {
		return dir
	}
	return ""
}

// startInScope starts a shim in the common scope.
func (s *Sandbox) startInScope(shim *exec.Cmd) error {
	h := s.hierarchy
	h.Owned = scopeOf(h.Base)
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Unshareflags: syscall.CLONE_NEWNS} // Go makes it private
	if startJoined(h, shim) == nil {
		return nil
	}
	if err := shim.Start(); err != nil {
		return err
	}
	if err := joinScope(h, shim.Process.Pid); err != nil {
		_ = shim.Process.Kill()
		_ = shim.Wait()
		return fmt.Errorf("no cgroup could be had from systemd: %w", err)
	}
	return nil
}

// startJoined starts a shim that is in the scope from its first moment, if
// there is one. Moving it later would cost an RCU grace period.
func startJoined(h cgroup.Hierarchy, shim *exec.Cmd) error {
	if !h.Occupied() {
		return os.ErrNotExist
	}
	keepers, err := os.Open(h.Keepers())
	if err != nil {
		return err
	}
	defer keepers.Close()
	attr, try := *shim.SysProcAttr, *shim // a command that could not be started is used up
	attr.UseCgroupFD, attr.CgroupFD = true, int(keepers.Fd())
	try.SysProcAttr = &attr
	if err := try.Start(); err != nil {
		return err
	}
	*shim = try
	return nil
}

// joinScope moves a process into the scope, and has it made where nobody is in
// it. Others may be at the same, and systemd may just be removing the scope of
// attempts that have ended: then it is tried again.
func joinScope(h cgroup.Hierarchy, pid int) error {
	ctx, cancel := context.WithTimeout(context.Background(), scopePatience)
	defer cancel()
	for pause := leastAsked; ; pause = min(2*pause, mostAsked) {
		asked := time.Now()
		err := tryScope(ctx, h, pid)
		refused, ofSystemd := errors.AsType[*systemd.Refusal](err)
		if err == nil || ofSystemd && !refused.UnitExists() {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it was not done within %v: %w", scopePatience, err)
		}
		// To look costs systemd nothing; to ask again keeps it from doing it.
		wait := min(max(pause, time.Since(asked)), mostAsked)
		for asked = time.Now(); !h.Occupied() && time.Since(asked) < wait; {
			time.Sleep(time.Millisecond)
		}
	}
}

// How long after an answer systemd is asked again.
const (
	leastAsked = 20 * time.Millisecond
	mostAsked  = time.Second
)

func tryScope(ctx context.Context, h cgroup.Hierarchy, pid int) error {
	if h.Occupied() {
		return h.Admit(pid)
	}
	// What is left of an earlier scope would keep systemd from moving anybody
	// into it: its controllers are passed on already.
	_ = h.Vacate()
	if err := makeScope(ctx, filepath.Base(h.Owned), pid); err != nil {
		return err
	}
	return errors.New("systemd did not move the process into its scope") // yet
}

// makeScope asks the machine's systemd for a scope with a process in it.
func makeScope(ctx context.Context, name string, pid int) error {
	machine, err := systemd.Machine(ctx)
	if err != nil {
		return err
	}
	defer machine.Close()
	return machine.Start(ctx, name,
		systemd.Property{Name: "Description", Value: "tasks of drydock and their supervisors"},
		systemd.Property{Name: "Slice", Value: cgroup.Slice},
		systemd.Property{Name: "PIDs", Value: []uint32{uint32(pid)}},
		systemd.Property{Name: "Delegate", Value: true},
		systemd.Property{Name: "TasksMax", Value: uint64(math.MaxUint64)}, // each task has its own limit
	)
}
