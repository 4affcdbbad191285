// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package signals gives a program's start the signals that it expects.
package signals

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// lastSignal is the highest signal number of Linux (_NSIG).
const lastSignal = 64

// sigaction is the kernel's struct of rt_sigaction(2).
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const (
	sigDefault = 0 // SIG_DFL
	sigIgnore  = 1 // SIG_IGN
)

// Default undoes what this process's caller may have left, because "ignored"
// and "blocked" survive execve, and so does what an engine was started with in
// all its containers: nohup ignores SIGHUP, a background job of a shell
// SIGINT, glibc's posix_spawn signal 32, and some launchers block signals.
// Handlers of Go's runtime stay, and go away by themselves in an execve. Of
// masks only the calling thread's is changed.
func Default() {
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		var old sigaction
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&old)), unsafe.Sizeof(old.mask), 0, 0)
		if errno != 0 || old.handler != sigIgnore {
			continue
		}
		fresh := sigaction{handler: sigDefault}
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&fresh)), 0, unsafe.Sizeof(fresh.mask), 0, 0)
	}
	var none unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil)
}
