// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"testing"

	"drydock/resources"
)

var _ = register(doing{
	"eph-layer": onDisk("20Mi", "fill", "/tmp/x", "30", "sleep", "60000"),
	"eph-trap":  onDisk("20Mi", "tidy", "fill", "/tmp/x", "30", "sleep", "60000"),
	"eph-logs":  onDisk("2Mi", "noise", "6", "sleep", "60000"),
	// Not written byte by byte: on a slow machine that takes longer than "at once".
	"eph-short": onDisk("20Mi", "fallocate", "/tmp/x", "30", "exit", "0"),
})

func onDisk(limit resources.Quantity, words ...string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		r := memory("64Mi")
		r.Disk = limit
		return l.run(t, job{args: words, res: r}).status(t)
	}
}
