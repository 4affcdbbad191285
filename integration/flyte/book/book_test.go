// SPDX-License-Identifier: Apache-2.0

package book

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, path string) *Book {
	t.Helper()
	b, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestBookLocksAndLasts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs", "flyte.db")
	b := open(t, path)
	if _, err := OpenFile(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second one: %v", err)
	}
	if err := b.Update(func(tx Tx) error { return tx.Put(Runs, "k", []byte("v")) }); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	if err := b.Batch(func(tx Tx) error { _ = tx.Put(Runs, "k", []byte("w")); return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	b.Close()
	b = open(t, path)
	_ = b.View(func(tx Tx) error {
		if got := string(tx.Get(Runs, "k")); got != "v" {
			t.Errorf("k is %q: a failed transaction left something, or a good one did not last", got)
		}
		return nil
	})
}

func TestBookRefusesANewerLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flyte.db")
	b := open(t, path)
	_ = b.Update(func(tx Tx) error { return tx.Put(Meta, "version", []byte("99")) })
	b.Close()
	if _, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), `layout "99"`) {
		t.Errorf("opened: %v", err)
	}
}

func TestScan(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "flyte.db"))
	_ = b.Update(func(tx Tx) error {
		for _, k := range []string{"a/1", "a/2", "a/3", "b/1"} {
			if err := tx.Put(Specs, k, nil); err != nil {
				return err
			}
		}
		return nil
	})
	tests := []struct {
		back         bool
		prefix, edge string
		want         string
	}{
		{false, "", "", "a/1 a/2 a/3 b/1"},
		{false, "a/", "", "a/1 a/2 a/3"},
		{false, "a/", "a/2", "a/2 a/3"},
		{false, "c", "", ""},
		{true, "", "", "b/1 a/3 a/2 a/1"},
		{true, "a/", "", "a/3 a/2 a/1"},
		{true, "a/", "a/3", "a/2 a/1"},
		{true, "", "b/1", "a/3 a/2 a/1"},
		{true, "c", "", ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			var got []string
			_ = b.View(func(tx Tx) error {
				scan := tx.Scan
				if test.back {
					scan = tx.ScanBack
				}
				scan(Specs, test.prefix, test.edge, func(k string, _ []byte) bool { got = append(got, k); return true })
				return nil
			})
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}
