// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// place tells drydocks apart that share an engine and call their lease
// directories the same: on two machines, or on a machine and in a container
// there. None of them sees whether the others' supervisors live. It is the
// same after a reboot, so that what a machine left can be cleaned up then.
func place() string {
	machine, err := os.ReadFile("/etc/machine-id") // machine-id(5)
	if len(strings.TrimSpace(string(machine))) == 0 || err != nil {
		name, _ := os.Hostname()
		machine = []byte(name)
	}
	pids, _ := os.Readlink("/proc/self/ns/pid") // the first one's number is fixed (PROC_PID_INIT_INO)
	var root unix.Stat_t
	_ = unix.Stat("/", &root)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %d", machine, pids, root.Dev, root.Ino))
	return fmt.Sprintf("%x", sum[:8])
}
