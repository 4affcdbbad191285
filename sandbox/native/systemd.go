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

	"github.com/godbus/dbus/v5"

	"drydock/sandbox/cgroup"
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

const drydockSlice = "drydock.slice"

// systemdManages says whether root's groups are systemd's to hand out.
func systemdManages(h cgroup.Hierarchy) bool { return os.Geteuid() == 0 && h.ManagedBySystemd() }

// inScope is the hierarchy with everything of ours in the common scope.
func inScope(h cgroup.Hierarchy) cgroup.Hierarchy {
	h.Base = filepath.Join(drydockSlice, h.Base+".scope", h.Base)
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
	for {
		err := tryScope(ctx, h, pid)
		failed, ofSystemd := errors.AsType[dbus.Error](err)
		if err == nil || ofSystemd && failed.Name != unitExists {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Millisecond):
		}
	}
}

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

// unitExists is systemd's word for a scope that is there or has not quite gone.
const unitExists = "org.freedesktop.systemd1.UnitExists"

// makeScope asks the machine's systemd for a scope with a process in it.
func makeScope(ctx context.Context, name string, pid int) error {
	conn, err := dialBus(ctx, "/run/systemd/private", false)
	if err != nil {
		return err
	}
	defer conn.Close()
	properties := []unitProperty{
		{"Description", dbus.MakeVariant("tasks of drydock and their supervisors")},
		{"Slice", dbus.MakeVariant(drydockSlice)},
		{"PIDs", dbus.MakeVariant([]uint32{uint32(pid)})},
		{"Delegate", dbus.MakeVariant(true)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")}, // leave no failed unit behind
		{"TasksMax", dbus.MakeVariant(uint64(math.MaxUint64))},  // each task has its own limit
	}
	manager := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	return manager.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.StartTransientUnit", 0, name, "fail", properties, []auxiliaryUnit{}).Err
}
