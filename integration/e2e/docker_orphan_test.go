// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A container that runs on although drydock and its supervisor were killed
// counts: a task beside it waits, says for whom, and begins when it was ended.
func TestDockerOrphanCounts(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		c := h.start(t, "run", "--memory", "64Mi", "--network", "none", "--image", busybox, "--", "sh", "-c", ticking)
		c.waitFor(t, "tick 1")
		var supervisors []int
		for _, pid := range children(c.Process.Pid) {
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); filepath.Base(exe) == "drydock" {
				supervisors = append(supervisors, pid)
			}
		}
		if len(supervisors) != 1 {
			t.Fatalf("the supervisors are %d", supervisors)
		}
		if err := c.Process.Kill(); err != nil { // it would clean up
			t.Fatal(err)
		}
		c.end(t)
		if err := syscall.Kill(supervisors[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		h.untilFree(t)

		waits := h.start(t, "run", "--node", "cpu=8,memory=96Mi", "--memory", "64Mi", "--", "true") // natively: it asks no engine
		within(t, hang/2, "it does not wait", func() bool {
			return strings.Contains(waits.err.String(), "(its supervisor died; drydock doctor --clean ends it)")
		})
		h.run(t, "doctor", "--clean") // its exit code is about the machine
		waits.end(t).want(t, 0, "")
		h.noLeases(t)
	})
}
