// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"testing"
	"time"

	"drydock/resources"
)

var _ = register(doing{
	"eph-layer": onDisk("20Mi", "fill", "/tmp/x", "30", "sleep", "60000"),
	"eph-trap":  onDisk("20Mi", "tidy", "fill", "/tmp/x", "30", "sleep", "60000"),
	"eph-logs":  onDisk("2Mi", "noise", "6", "sleep", "60000"),
	"eph-short": short,
})

func onDisk(limit resources.Quantity, words ...string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts { return withDisk(t, l, limit, words...).status(t) }
}

func withDisk(t *testing.T, l *lab, limit resources.Quantity, words ...string) end {
	t.Helper()
	r := memory("64Mi")
	r.Disk = limit
	return l.run(t, job{args: words, res: r})
}

// short ends at once, if the machine lets it: where that took as long as a look
// is away, it is tried again. Nothing is written byte by byte.
func short(t *testing.T, l *lab) facts {
	for try := 1; ; try++ {
		e := withDisk(t, l, "20Mi", "fallocate", "/tmp/x", "30", "exit", "0")
		o := e.attempt(t).Outcome
		if took := o.EndedAt.Sub(o.StartedAt); took < time.Second || try == 5 {
			return e.status(t)
		}
	}
}
