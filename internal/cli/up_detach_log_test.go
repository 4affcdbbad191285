// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A long log is put aside, and what is written goes on in a new one.
func TestTurnLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "logs", "server.log")
	f, err := openLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(text string) {
		t.Helper()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := turnLog(name, int(f.Fd())); err != nil {
			t.Fatal(err)
		}
	}
	write("short\n")
	if exists(name + ".1") {
		t.Error("a short log is put aside")
	}
	for range 3 {
		write(strings.Repeat("x", maxLog) + "\n")
		write("after\n")
	}
	now, err := os.ReadFile(name)
	if old, oldErr := os.Stat(name + ".1"); err != nil || oldErr != nil || string(now) != "after\n" || old.Size() < maxLog {
		t.Errorf("the log is %d bytes, %v, and the old one %v, %v", len(now), err, old, oldErr)
	}
}
