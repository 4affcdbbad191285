// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"testing"
)

// BenchmarkList is drydock ps with 10,000 ended tasks: the file is opened, the
// directory is compared with it, and 20 are returned.
func BenchmarkList(b *testing.B) {
	m := newMachine(b)
	m.copies(m.run("one", "out", "hello"), 9999)
	none := func(string) bool { return false }
	list := func() {
		x, err := Open(context.Background(), m.StateDir(), none)
		if err != nil {
			b.Fatal(err)
		}
		tasks, err := x.List(context.Background(), Filter{Limit: 20})
		if err != nil || len(tasks) != 20 || len(x.Warnings()) > 0 {
			b.Fatalf("%d tasks, %v, %v", len(tasks), err, x.Warnings())
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
	list() // fills the file
	b.ReportMetric(0, "ns/op")
	for b.Loop() {
		list()
	}
}
