// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// answering repeats what it reads, and says when there is no more.
const answering = "while read word; do echo got $word; done; echo no more"

// typed is a reader for a command's standard input.
func (c *command) typed(text string) *command {
	c.Stdin = strings.NewReader(text)
	return c
}

// begin starts a prepared command.
func (c *command) begin(t testing.TB) *command {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Several give a task input beside the drydock run that started it, whose end
// of input is the task's.
func TestAttachInput(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	attachInput(t, h, h.prepare, "run", "--memory", "64Mi", "--", "sh", "-c", answering)
}

func TestDockerAttachInput(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		attachInput(t, h.home, h.prepare, "run", "--memory", "64Mi", "--network", "none", "--image", busybox, "--", "sh", "-c", answering)
	})
}

func attachInput(t *testing.T, h home, prepare func(testing.TB, ...string) *command, args ...string) {
	t.Helper()
	c := prepare(t, args...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.begin(t)
	h.untilStatus(t, "running")
	first := prepare(t, "attach", "-i", "last").typed("one\n").begin(t)
	first.waitFor(t, "got one")
	second := prepare(t, "attach", "-i", "last").typed("two\n").begin(t)
	c.waitFor(t, "got two")
	if _, err := in.Write([]byte("three\n")); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	want := "got one\ngot two\ngot three\nno more\n"
	for name, ended := range map[string]*command{"run": c, "the first attach": first} {
		r := ended.end(t)
		r.want(t, 0, "")
		if r.stdout != want {
			t.Errorf("%s printed %q", name, r.stdout)
		}
	}
	second.end(t).want(t, 0, "")
}

// A task whose input is over says so, and is looked on at all the same.
func TestAttachWithoutInput(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c := h.start(t, "run", "--memory", "64Mi", "--", "sh", "-c", "cat; "+ticking) // /dev/null
	c.waitFor(t, "tick 1")
	r := h.prepare(t, "attach", "-i", "last").typed("one\n").begin(t).end(t)
	r.want(t, 125, "")
	for _, words := range []string{"it takes no input: it has ended", "leave -i out to look on"} {
		if !strings.Contains(r.stderr, words) {
			t.Errorf("attach does not say %q: %q", words, r.stderr)
		}
	}
	r = h.run(t, "attach", "-i", "--detach-keys", "ctrl-", "last")
	r.want(t, 125, "")
	if !strings.Contains(r.stderr, "--detach-keys ctrl- is no list of keys") {
		t.Errorf("attach says %q", r.stderr)
	}
	h.run(t, "kill", "last").want(t, 0, "")
	c.end(t).want(t, 143, "")
}

// A shell in a terminal outlives its drydock; whoever attaches types into it,
// interrupts its programs, leaves it alone again and ends it.
func TestAttachTerminal(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	c, person := h.onTerminal(t, "run", "--memory", "64Mi", "-t", "--", "sh")
	press(t, person, "echo begun $((1+1))\r")
	c.waitFor(t, "begun 2")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.end(t)

	c, person = h.onTerminal(t, "attach", "-i", "last")
	fresh, _ := openPTY(t)
	before := modes(t, fresh)
	press(t, person, "stty size\r")
	c.waitFor(t, "24 120")
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}); err != nil {
		t.Fatal(err)
	}
	press(t, person, "until stty size | grep 33; do sleep 0.1; done\r")
	c.waitFor(t, "33 77")
	press(t, person, "sleep 1000; echo interrupted\r")
	c.waitFor(t, "sleep 1000")
	press(t, person, "\x03")
	press(t, person, "echo after $((2+2))\r")
	c.waitFor(t, "after 4")
	press(t, person, "\x10\x11") // ctrl-p ctrl-q
	r := c.end(t)
	r.want(t, 0, "")
	if !strings.Contains(r.stdout, "detached; task") {
		t.Errorf("attach said %q", r.stdout)
	}
	if d := cmp.Diff(before, modes(t, person)); d != "" {
		t.Errorf("the terminal is not as it was (-before +after):\n%s", d)
	}

	h.untilStatus(t, "running")
	c = h.prepare(t, "attach", "-i", "last", "--json").typed("exit 3\n").begin(t) // a pipe serves, too
	c.end(t).want(t, 3, "failed")
}

func press(t testing.TB, person *os.File, keys string) {
	t.Helper()
	if _, err := person.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// modes are a terminal's.
func modes(t testing.TB, person *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(person.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}
