// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The outcome's file cannot be written, as on a disk that is full: the verdict
// still is the kernel's.
func TestVerdictWithoutOutcomeFile(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "32Mi", "--json", "--", "sh", "-c", "echo ready; "+untilGate+"./hog touch 64")
	c.waitFor(t, "ready")
	dirs, err := filepath.Glob(filepath.Join(h.state(), "tasks", "*", "attempts", "1"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("attempts: %v, %v", dirs, err)
	}
	// A directory stands where the shim kept room for it.
	kept := filepath.Join(dirs[0], "outcome.json.tmp")
	if err := errors.Join(os.Remove(kept), os.Mkdir(kept, 0o700)); err != nil {
		t.Fatal(err)
	}
	h.openGate(t)
	c.end(t).want(t, 137, "oom")
}

// The second signal ends everything although nobody reads the output.
func TestKillWithBlockedReader(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := h.prepare(t, "run", "--memory", "64Mi", "--quiet", "--grace", "1h", "--", "sh", "-c", "trap '' TERM; yes")
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 2)); err != nil { // it runs; from now on nobody reads
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	for _, says := range []string{"once more kills it", "again: killing the task"} {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		within(t, hang/2, "it does not say "+says, func() bool { return strings.Contains(c.err.String(), says) })
	}
	c.end(t).want(t, 143, "") // one that waited for its reader would be killed
}
