// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The task owns the directory while it runs; a link it leaves there must not
// lead drydock (which may be root) to another file.
func TestResultFollowsNoLinkOfTheTask(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := openResult("r.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, "r.json"); err != nil {
		t.Fatal(err)
	}
	if err := r.write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, precious); got != "untouched" {
		t.Errorf("the linked file holds %q", got)
	}
	if got := read(t, "r.json"); got != "the end" {
		t.Errorf("the result holds %q", got)
	}
}

// Nor may the directory be exchanged meanwhile.
func TestResultKeepsItsDirectory(t *testing.T) {
	base, elsewhere := t.TempDir(), t.TempDir()
	t.Chdir(base)
	if err := os.Mkdir("out", 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := openResult("out/r.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("out", "moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, "out"); err != nil {
		t.Fatal(err)
	}
	if err := r.write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "moved/r.json"); got != "the end" {
		t.Errorf("the result holds %q", got)
	}
	if left, _ := os.ReadDir(elsewhere); len(left) > 0 {
		t.Errorf("%v was written elsewhere", left)
	}
}

// A link that was there before is the person's own and is followed.
func TestResultFollowsThePersonsLink(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("real.json", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.json", "r.json"); err != nil {
		t.Fatal(err)
	}
	r, err := openResult("r.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "real.json"); got != "the end" {
		t.Errorf("the file behind the link holds %q", got)
	}
}

// A pipe or device is written, never replaced.
func TestResultToAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	file, err := openResult(filepath.Join("/proc/self/fd", itoa(int(w.Fd()))))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 20)
	n, err := r.Read(got)
	if err != nil || string(got[:n]) != "the end" {
		t.Errorf("read %q, %v", got[:n], err)
	}
}
