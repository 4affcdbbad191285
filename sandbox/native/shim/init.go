// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"

	"github.com/opencontainers/runc/libcontainer"
	// The C constructor of nsenter joins the namespaces before Go starts.
	_ "github.com/opencontainers/runc/libcontainer/nsenter"
	"golang.org/x/sys/unix"

	"drydock/internal/signals"
	"drydock/sandbox/native/shimapi"
)

// execErrorFD is the first extra descriptor of the container's init, closed by
// its execve. What goes wrong there late would else be written to the task's
// stderr: libcontainer has closed its own channel by then.
const execErrorFD = 3

func init() {
	// The parent-death signal of the container is tied to the thread that
	// forked it: the main goroutine keeps the main thread for good.
	runtime.LockOSThread()
	switch {
	case len(os.Args) == 2 && os.Args[1] == "init":
		containerInit()
	case len(os.Args) == 2 && os.Args[1] == compileArg:
		loadFilterChild()
	case len(os.Args) > 2 && os.Args[1] == shimapi.RemoveArg:
		remove(os.Args[2:])
	case len(os.Args) == 3 && os.Args[1] == shimapi.ProbeArg:
		probe(os.Args[2])
	case len(os.Args) == 5 && os.Args[1] == shimapi.ParamsArg:
		exit(coverParams(os.Args[2], os.Args[3], os.Args[4]))
	}
}

// containerInit is the re-executed program inside the container's namespaces,
// charged to the task's cgroup: nothing here may be large. It never returns.
func containerInit() {
	// Should the shim be killed, the kernel ends the container with it.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	signals.Default()
	scopeAbstractSockets()
	unix.CloseOnExec(execErrorFD)
	os.Stderr = os.NewFile(execErrorFD, "exec-error")
	libcontainer.Init()
}
