// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise/client"
)

// sandboxName is what outcomes and leases call this sandbox.
const sandboxName = "native"

// attempts start and follow the shims.
func (s *Sandbox) attempts() *client.Attempts {
	return &client.Attempts{
		Sandbox: sandboxName, Program: "drydock-shim", Leases: s.leases,
		Cleaned: s.cleaned,
		Clean: func(name string, l client.Lease) error {
			return s.cleaner().cleanAttempt(name, l.Dir, l.Base)
		},
	}
}

// launch starts the shim in a mount namespace of its own: its mounts vanish
// with it.
func (s *Sandbox) launch(plan *shimapi.Config, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	shim := client.Supervisor{
		Spec: spec, Path: s.shim, Argv: []string{"drydock-shim", plan.Drydock.ID}, Config: plan,
		Begin: func(cmd *exec.Cmd, ours, theirs *os.File) error {
			if scopeOf(s.hierarchy.Base) != "" && s.ids == nil {
				return s.startInScope(cmd)
			}
			return startShim(cmd, s.ids, ours, theirs)
		},
	}
	if s.ids != nil {
		shim.Base = plan.Drydock.CgroupBase
	}
	return s.attempts().Start(shim, streams)
}

// startShim starts a shim in a session and a mount namespace of its own; with
// ids, in a user namespace that has them. control are the two ends of its
// socket.
func startShim(shim *exec.Cmd, ids *idMap, ours, theirs *os.File) error {
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if ids == nil {
		shim.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS // Go makes it private
		return shim.Start()
	}
	shim.Env = append(shim.Env, shimapi.UserNamespace+"=1")
	if err := shim.Start(); err != nil {
		return err
	}
	theirs.Close() // so that its end is seen
	err := ids.admit(shim.Process.Pid, ours)
	if err != nil {
		_ = shim.Process.Kill()
		_ = shim.Wait()
	}
	return err
}

// asShim runs one of the shim's small jobs in the user namespace.
func asShim(shim string, ids *idMap, args ...string) error {
	ours, theirs, err := client.SocketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
	var said strings.Builder
	cmd := &exec.Cmd{Path: shim, Args: append([]string{"drydock-shim"}, args...), Dir: "/", Stderr: &said, ExtraFiles: []*os.File{theirs}}
	if err = startShim(cmd, ids, ours, theirs); err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s in a user namespace: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return nil
}
