// SPDX-License-Identifier: Apache-2.0

//go:build unix

package copilot

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"drydock/integration/flyte/flyteidl2/core"
)

// The program's user is anybody: the inputs are readable for all, also where
// drydock's own files are for nobody else.
func TestInputsAreForEverybody(t *testing.T) {
	s := openStore(t)
	put(t, s, "dir/deep/y.txt", "y")
	put(t, s, "up/data.csv", "a,b\n")
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o077))
	in := inputs("n", number(42), "numbers", list(number(1)), "dir", blob("s3://drydock/dir/", core.BlobType_MULTIPART), "file", blob("s3://drydock/up/data.csv", core.BlobType_SINGLE))
	if err := LayInputs(t.Context(), s, in, &core.DataLoadingConfig{FileInputLayout: core.DataLoadingConfig_NAMED_DIR}, dir, "/var/inputs"); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		seen++
		info, err := os.Stat(path)
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = 0o777
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil || seen < 8 {
		t.Errorf("%d files, %v", seen, err)
	}
}
