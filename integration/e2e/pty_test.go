// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openPTY makes a pseudo terminal: what a person types goes into the first,
// the second is a program's terminal.
func openPTY(t testing.TB) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, terminal
}

// Ctrl-C once asks the task to end and waits for it; twice ends it at once.
func TestCtrlC(t *testing.T) {
	for _, tc := range []struct {
		name    string
		words   []string // of hog
		presses int
		says    string
	}{
		{"once", []string{"tidy", "sleep", "50000"}, 1, "tidied up"},
		{"twice", []string{"ignore", "sleep", "50000"}, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			h := newHome(t)
			file := filepath.Join(h.dir, "result.json")
			c, person := h.onTerminal(t, append([]string{"run", "--memory", "64Mi", "--grace", "1h", "--result", file, "--", "./hog"}, tc.words...)...)
			c.waitFor(t, "ready")
			for range tc.presses {
				if _, err := person.Write([]byte{3}); err != nil {
					t.Fatal(err)
				}
				c.waitFor(t, "once more kills it") // two at a time may come as one
			}
			r := c.end(t) // in time: nobody waits the grace out
			readEnded(t, file, &r)
			r.want(t, 130, "aborted")
			if !strings.Contains(r.stdout, tc.says) {
				t.Errorf("the task did not say %q: %q", tc.says, r.stdout)
			}
		})
	}
}

// SIGTERM to drydock stops the task too, and shows as 143.
func TestTerminated(t *testing.T) {
	nothingLeft(t)
	c := newHome(t).start(t, "run", "--memory", "64Mi", "--json", "--", "./hog", "tidy", "sleep", "50000")
	c.waitFor(t, "ready")
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r := c.end(t)
	r.want(t, 143, "aborted")
	if got := r.output("stdout"); got != "ready\ntidied up\n" {
		t.Errorf("the task said %q", got)
	}
}

// readEnded reads a --result file.
func readEnded(t testing.TB, file string, r *result) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &r.ended)
	}
	if err != nil {
		t.Errorf("the --result file: %v", err)
	}
}
