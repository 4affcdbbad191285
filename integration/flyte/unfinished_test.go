// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"os"
	"testing"

	"drydock/integration/flyte/book"
)

// Runs that the next server will take up are counted without one.
func TestUnfinishedWithoutServer(t *testing.T) {
	h := Home{StateDir: t.TempDir()}
	want := func(n int) {
		t.Helper()
		if got, err := h.Unfinished(context.Background()); err != nil || got != n {
			t.Errorf("%d, %v; want %d", got, err, n)
		}
	}
	want(0)
	if _, err := os.Stat(h.dir()); !os.IsNotExist(err) {
		t.Errorf("looking made something: %v", err)
	}
	b, err := book.OpenFile(h.book())
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx book.Tx) error { return tx.Put(book.Open, "p/d/r", nil) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Unfinished(context.Background()); err == nil {
		t.Error("a book that somebody has open was read")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	want(1)
}
