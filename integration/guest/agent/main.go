// SPDX-License-Identifier: Apache-2.0

// Command agent is the program inside the test guest. It is started three
// times: as /init of the initial file system, where it loads the kernel's
// modules and moves to the real root ("enter"); as the first process there
// unless that is systemd ("first"); and as the one that runs the jobs of the
// plan ("jobs").
package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	stage, name := enter, "enter"
	if len(os.Args) > 1 {
		name = os.Args[1]
		stage = map[string]func() error{"first": first, "jobs": jobs}[name]
	}
	err := stage()
	if err != nil {
		fmt.Fprintf(os.Stderr, "agent: %s: %v\n", name, err)
	}
	if os.Getpid() == 1 {
		powerOff()
	}
	if err != nil {
		os.Exit(1)
	}
}

// powerOff ends the machine without ado: its disks are thrown away.
func powerOff() {
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	time.Sleep(time.Minute) // the first process must not end
}
