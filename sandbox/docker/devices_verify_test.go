// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// rootless makes this program one that has no root directory any more and has
// not ended, as every process is for a moment when it ends: its first thread,
// which runs this, is gone.
const rootless = "DRYDOCK_TEST_ROOTLESS"

func init() {
	if os.Getenv(rootless) != "" {
		fmt.Println("ready")
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

// What is missing in a process that is about to end is not the engine's doing.
func TestMissesDevices(t *testing.T) {
	for _, tc := range []struct {
		name, env string
		node      string
		misses    bool
	}{
		{"has it", "", "/dev/null", false},
		{"lacks it", "", "/dev/no-such-device", true},
		{"ends", rootless + "=1", "/dev/null", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", "echo ready; exec sleep 1000")
			if tc.env != "" {
				cmd = exec.Command("/proc/self/exe")
				cmd.Env = append(os.Environ(), tc.env)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Fatalf("it said %q, %v", line, err)
			}
			p := openProcess(cmd.Process.Pid)
			defer p.close()
			b := newBox(nil, "box", nil)
			defer b.end()
			b.main, b.nodes = p, []string{tc.node}
			if tc.env != "" {
				awaitRootless(t, p.pid)
			}
			_, misses := errors.AsType[*sandbox.AcceleratorError](b.missesDevices())
			if misses != tc.misses {
				t.Errorf("misses %v, want %v", misses, tc.misses)
			}
		})
	}
}

// awaitRootless waits for the end of a process's first thread.
func awaitRootless(t *testing.T, pid int) {
	t.Helper()
	root := fmt.Sprintf("/proc/%d/root/", pid)
	for t.Context().Err() == nil {
		var st unix.Stat_t
		if unix.Stat(root, &st) == unix.ENOENT {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
