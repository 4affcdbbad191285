// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// refused runs a task that would leave a file behind, and checks that it was
// refused in words, with 125, and that nothing was started.
func (h home) refused(t *testing.T, words string, args ...string) {
	t.Helper()
	ran := filepath.Join(h.work(t), "ran")
	args = append(append([]string{"run", "--memory", "64Mi", "--json"}, args...), "--", "touch", "ran")
	r := h.run(t, args...)
	r.want(t, 125, "")
	if v := r.ended.Verdict; v != "refused" && v != "error" {
		t.Errorf("the verdict is %q, want refused or error", v)
	}
	if !regexp.MustCompile(words).MatchString(r.words()) {
		t.Errorf("nothing matches %q in: %s", words, r.words())
	}
	if exists(ran) {
		t.Error("the task was started")
	}
}

// A state directory of another, unknown version is refused, never guessed at;
// what a power cut left of the file is no version.
func TestStateVersion(t *testing.T) {
	for _, tc := range []struct{ name, content string }{
		{"newer", "999999"},
		{"garbage", "what is this?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nothingLeft(t)
			h := newHome(t)
			h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
			file := versionFile(t, h.state())
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content := tc.content
			if tc.name == "newer" {
				content = regexp.MustCompile(`\d+`).ReplaceAllString(string(old), tc.content)
			}
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			h.refused(t, `(?i)version|state`)
		})
	}
	t.Run("empty", func(t *testing.T) {
		nothingLeft(t)
		h := newHome(t)
		h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
		file := versionFile(t, h.state())
		old, err := os.ReadFile(file)
		if err == nil {
			err = os.Truncate(file, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		h.run(t, "run", "--memory", "64Mi", "--json", "--", "true").want(t, 0, "succeeded")
		if now, err := os.ReadFile(file); err != nil || string(now) != string(old) {
			t.Errorf("the version is %q now, was %q (%v)", now, old, err)
		}
	})
}

func versionFile(t *testing.T, state string) string {
	t.Helper()
	entries, err := os.ReadDir(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(strings.ToLower(e.Name()), "version") {
			return filepath.Join(state, e.Name())
		}
	}
	t.Fatalf("no version in %s: a newer state directory could not be told", state)
	return ""
}

func TestStateDirectoryIsAFile(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	if err := os.WriteFile(h.state(), []byte("a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.refused(t, regexp.QuoteMeta(h.state()))
}

// smallDisk puts the state directory on a file system of this size.
func smallDisk(t *testing.T, h home, size string) {
	t.Helper()
	if err := os.MkdirAll(h.state(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", h.state(), "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(h.state(), unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
}

// On a full disk nothing is started, and the reason is said.
func TestStateDiskFull(t *testing.T) {
	h := newHome(t)
	h.work(t)
	smallDisk(t, h, "64k")
	nothingLeft(t)
	file, err := os.Create(filepath.Join(h.state(), "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); err != nil {
			break
		}
	}
	h.refused(t, `(?i)no space|disk|full`)
}

// When the disk fills up while a task runs, the verdict is kept, the output
// still passes through, and the loss of the log is said.
func TestStateDiskFillsUp(t *testing.T) {
	h := newHome(t)
	h.work(t)
	smallDisk(t, h, "1m")
	nothingLeft(t)
	r := h.run(t, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "head -c 4000000 /dev/zero | tr '\\0' x; exit 7")
	r.want(t, 7, "failed")
	if n := len(r.output("stdout")); n != 4_000_000 {
		t.Errorf("%d bytes of output passed through, want 4000000", n)
	}
	if !regexp.MustCompile(`(?i)log`).MatchString(r.words()) {
		t.Errorf("nothing says that the log is incomplete: %s", r.words())
	}
}
