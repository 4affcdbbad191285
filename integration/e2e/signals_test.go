// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os/exec"
	"testing"
)

// Whatever the caller ignores or blocks, the task starts with nothing ignored.
func TestSignalDispositions(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.prepare(t, "run", "--memory", "64Mi", "--quiet", "--", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
	script := exec.Command("sh", "-c", `trap '' HUP INT QUIT PIPE TERM USR1 TSTP TTIN TTOU CHLD; exec "$@"`, "sh")
	script.Args = append(script.Args, c.Args...)
	script.Env, script.Dir = c.Env, c.Dir
	got, err := script.Output()
	if want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"; err != nil || string(got) != want {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
}
