// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome has an output that JSON makes as large as it can.
func outcome() sandbox.Outcome {
	return sandbox.Outcome{Version: sandbox.OutcomeVersion, Sandbox: "native", EndedAt: time.Now().UTC(), Tail: strings.Repeat("\x01", 16<<10)}
}

// What is reserved holds any outcome, on a disk that has become full; a reader
// never sees the reservation.
func TestReserveOutcome(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	must(t, ReserveOutcome(dir))
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	must(t, err)
	defer ballast.Close()
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	if _, err := ReadOutcome(dir); !os.IsNotExist(err) {
		t.Errorf("before the end: %v", err)
	}
	want := outcome()
	must(t, WriteOutcome(dir, want))
	got, err := ReadOutcome(dir)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if err := WriteOutcome(dir, want); err == nil {
		t.Error("the disk is not full: this test shows nothing")
	}
	if got, err := ReadOutcome(dir); err != nil || got.Tail != want.Tail {
		t.Errorf("a second one that found no room took the first away: %v", err)
	}
}

// It costs every attempt.
func BenchmarkReserveOutcome(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		must(b, ReserveOutcome(dir))
		must(b, os.Remove(filepath.Join(dir, OutcomeFile+draft)))
	}
}
