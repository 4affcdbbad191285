// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A copy of the directory is a copy of the store, with modification times or
// without.
func TestCopiedStore(t *testing.T) {
	for _, times := range []bool{true, false} {
		s := newStore(t)
		ctx := context.Background()
		if _, err := s.Put(ctx, "p/report.html", strings.NewReader("<html>"), PutOptions{ContentType: "text/html"}); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, "p/report.html/x", "below")
		id, _ := s.beginUpload("m", PutOptions{ContentType: "video/x"})
		sum, err := s.putPart(ctx, "m", id, 1, strings.NewReader("part"), PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		etag, err := s.completeUpload(ctx, "m", id, []part{{1, sum}})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(-3 * time.Hour)
		for _, f := range []string{"p/report.html/%=", "p/report.html/x", "m"} {
			was, err := os.Stat(filepath.Join(s.dir, objectsDir, f))
			if err != nil {
				t.Fatal(err)
			}
			if times {
				later = was.ModTime()
			}
			if err := os.Chtimes(filepath.Join(dir, objectsDir, f), later, later); err != nil {
				t.Fatal(err)
			}
		}
		c := openStore(t, dir, Options{})
		for range 2 {
			wantContent(t, c, "p/report.html", "<html>")
			if info, err := c.Stat(ctx, "p/report.html"); err != nil || info.ContentType != "text/html" {
				t.Errorf("Stat: %+v, %v", info, err)
			}
			if info, err := c.Stat(ctx, "m"); err != nil || info.ContentType != "video/x" || info.ETag != etag {
				t.Errorf("Stat: %+v, %v, want ETag %s", info, err, etag)
			}
		}
		if c.RootCredentials() != s.RootCredentials() {
			t.Error("the copy has other keys")
		}
	}
}

// Files that came to the directory by other ways are objects, too.
func TestForeignFiles(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "a/known", "1")
	dir := filepath.Join(s.dir, objectsDir)
	for name, text := range map[string]string{"a/foreign": "hello", "a/known": "changed by hand", "a/%zz": "no key's", "a/%41": "nor this"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "a/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "etc")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, "a/foreign", "hello")
	wantContent(t, s, "a/known", "changed by hand")
	for _, key := range []string{"a/link", "etc/passwd"} {
		if _, _, err := s.Get(context.Background(), key); err == nil {
			t.Errorf("Get(%q) leaves the store", key)
		}
	}
	if _, err := s.Put(context.Background(), "etc/drydock-test", strings.NewReader("x"), PutOptions{}); err == nil {
		t.Error("Put leaves the store")
	}
	list, _, err := s.List(context.Background(), "a/", "", 10)
	if err != nil || !slices.Equal(keysOf(list), []string{"a/foreign", "a/known"}) {
		t.Errorf("List: %q, %v", keysOf(list), err)
	}
	wantNoLeftovers(t, s)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	keys := s.RootCredentials()
	fi, err := os.Stat(filepath.Join(dir, keysFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("keys: %v, %v", fi.Mode(), err)
	}
	id, err := s.beginUpload("k", PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tmpDir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()

	s = openStore(t, dir, Options{})
	wantNoLeftovers(t, s)
	if s.RootCredentials() != keys {
		t.Error("other keys after a restart")
	}
	if _, err := s.openUpload("k", id); err != nil {
		t.Errorf("an upload of this boot is gone: %v", err)
	}
	s.Close()

	s = openStore(t, dir, Options{Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
	if _, err := s.openUpload("k", id); !errors.Is(err, errNoUpload) {
		t.Errorf("an abandoned upload is still there: %v", err)
	}
	s.Close()

	if err := os.WriteFile(filepath.Join(dir, keysFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), keysFile) {
		t.Errorf("incomplete keys: %v", err)
	}
	file := filepath.Join(dir, keysFile)
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file was opened as a store")
	}
}
