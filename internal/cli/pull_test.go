// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"testing"
	"time"

	"drydock/executor"
)

func pullAt(at time.Duration, p executor.Pull) executor.Event {
	p.Image = "python:3.12"
	return executor.Event{Type: executor.EventPull, Time: time.Unix(100, 0).Add(at), Pull: &p}
}

// A terminal's line is drawn over itself, not too often, and closed at the
// end; what is said in between begins on a line of its own. A file gets a line
// now and then.
func TestPullProgress(t *testing.T) {
	const mib = 1 << 20
	events := []executor.Event{
		pullAt(0, executor.Pull{}),
		pullAt(50*time.Millisecond, executor.Pull{Done: mib, Total: 9 * mib}), // too soon
		pullAt(150*time.Millisecond, executor.Pull{Done: 2 * mib, Total: 9 * mib}),
		pullAt(11*time.Second, executor.Pull{Done: 8 * mib, Total: 9 * mib}),
		pullAt(11*time.Second, executor.Pull{Done: 9 * mib, Total: 9 * mib, Finished: true}),
	}
	for _, tc := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, "\r\x1b[Kdrydock: pulling python:3.12" +
			"\r\x1b[Kdrydock: pulling python:3.12: 2 MiB of 9 MiB" +
			"\ndrydock: SIGINT: stopping the task in order, within 30s; once more kills it\n" +
			"\r\x1b[Kdrydock: pulling python:3.12: 8 MiB of 9 MiB" +
			"\r\x1b[Kdrydock: pulled python:3.12, 9 MiB\n"},
		{"file", false, "drydock: pulling python:3.12\n" +
			"drydock: SIGINT: stopping the task in order, within 30s; once more kills it\n" +
			"drydock: pulling python:3.12: 8 MiB of 9 MiB\n" +
			"drydock: pulled python:3.12, 9 MiB\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			p := &textPrinter{terminal: tc.terminal, stderr: &passage{to: &out, line: &lineState{}}}
			for i, e := range events {
				if i == 3 {
					p.signal(true, "SIGINT", 30*time.Second)
				}
				p.event(e)
			}
			if out.String() != tc.want {
				t.Errorf("got  %q\nwant %q", out.String(), tc.want)
			}
		})
	}
}
