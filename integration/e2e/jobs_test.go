// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"strings"
	"syscall"
	"testing"
)

// A task in the background of a shell runs on: drydock leaves the terminal
// alone until it is in front, and then what was typed is the task's.
func TestBackground(t *testing.T) {
	for _, tc := range []struct {
		name   string
		task   string // of sh
		script string // that starts drydock as "$@"
		typed  string
		want   string
	}{
		{"reads nothing", "echo ready", `set -m; "$@" & wait $!; echo code $?`, "", "code 0"},
		{"in front again", `echo ready; read line; echo "got $line"`, `set -m; "$@" & ` + untilGate + `fg; echo code $?`, "typed\n", "got typed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHome(t)
			c := h.prepare(t, "run", "--memory", "64Mi", "--", "sh", "-c", tc.task)
			c.Args = append([]string{"sh", "-c", tc.script, "sh", c.Path}, c.Args[1:]...)
			c.Path = "/bin/sh"
			person, terminal := openPTY(t)
			c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			go func() { _, _ = io.Copy(c.out, person) }()
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			_ = terminal.Close()
			c.waitFor(t, "ready")
			if _, err := person.Write([]byte(tc.typed)); err != nil {
				t.Fatal(err)
			}
			h.openGate(t)
			c.waitFor(t, "code 0")
			if r := c.end(t); !strings.Contains(r.stdout, tc.want) {
				t.Errorf("%q is not in %q", tc.want, r.stdout)
			}
		})
	}
}
