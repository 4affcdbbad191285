// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"os/exec"
	"testing"
	"time"
)

func TestAwaitMonitor(t *testing.T) {
	const id = "5d1c0ffee-of-this-test-alone"
	awaitMonitor(id) // there is nobody to wait for
	cmd := exec.Command("sh", "-c", "read end", "conmon", "-c", id)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !named(id) { // the words come with execve, a moment later
		time.Sleep(time.Millisecond)
	}
	go func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	awaitMonitor(id)
	if named(id) {
		t.Error("the monitor is still there")
	}
}
