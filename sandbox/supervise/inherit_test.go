// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that a supervisor starts get nothing of what it was started with.
func TestChildrenInheritNothing(t *testing.T) {
	const supervisor, given = "SUPERVISE_TEST_IS_SUPERVISOR", "given-to-the-supervisor"
	if os.Getenv(supervisor) != "" {
		NewControl()
		ls := exec.Command("ls", "-l", "/proc/self/fd")
		ls.Stdout = os.Stdout
		if err := ls.Run(); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), given))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestChildrenInheritNothing$")
	cmd.Env = append(os.Environ(), supervisor+"=1")
	cmd.ExtraFiles = []*os.File{f, f, f, f, f}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "/proc/") || strings.Contains(string(out), given) {
		t.Errorf("a child has %v\n%s", err, out)
	}
}
