// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestPutGet(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	sum := md5.Sum([]byte("hello"))
	put, err := s.Put(ctx, "a/b/c.pb", strings.NewReader("hello"), PutOptions{
		ContentType: "text/plain", Headers: map[string]string{"X-Amz-Meta-A": "b"}, MD5: sum[:], Size: 5, MaxSize: 5, IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Stat(ctx, "a/b/c.pb")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(put) {
		t.Errorf("Stat: %+v, %v, Put said %+v", got, err, put)
	}
	if got.ETag != fmt.Sprintf("%x", sum) || string(got.MD5) != string(sum[:]) || got.ContentType != "text/plain" || got.Headers["X-Amz-Meta-A"] != "b" || time.Since(got.ModTime) > time.Minute {
		t.Errorf("Stat: %+v", got)
	}
	wantContent(t, s, "a/b/c.pb", "hello")
	if data, err := os.ReadFile(filepath.Join(s.dir, "objects/a/b/c.pb")); err != nil || string(data) != "hello" {
		t.Errorf("the object is no plain file: %q, %v", data, err)
	}
	content, _, err := s.Get(ctx, "a/b/c.pb")
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	mustPut(t, s, "a/b/c.pb", "other")
	if data, err := io.ReadAll(content); err != nil || string(data) != "hello" {
		t.Errorf("an open object changed: %q, %v", data, err)
	}
	mustPut(t, s, "empty", "")
	wantContent(t, s, "empty", "")
	if _, _, err := s.GetBytes(ctx, "a/b/c.pb", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("GetBytes with a limit: %v", err)
	}
	wantNoLeftovers(t, s)
}

func TestPutRefuses(t *testing.T) {
	s := newStore(t)
	was := mustPut(t, s, "k", "was here")
	fails := errors.New("body failed")
	tests := []struct {
		name string
		key  string
		body io.Reader
		opts PutOptions
		want error
	}{
		{name: "no key", key: "", want: ErrInvalidKey},
		{name: "NUL", key: "a\x00b", want: ErrInvalidKey},
		{name: "long key", key: strings.Repeat("x", 1025), want: ErrInvalidKey},
		{name: "other MD5", opts: PutOptions{MD5: make([]byte, 16)}, want: ErrDigest},
		{name: "too short", opts: PutOptions{Size: 4}, want: ErrIncomplete},
		{name: "too long", opts: PutOptions{Size: 2}, want: ErrIncomplete},
		{name: "too large", opts: PutOptions{MaxSize: 2}, want: ErrTooLarge},
		{name: "exists", opts: PutOptions{IfAbsent: true}, want: ErrExists},
		{name: "another is there", opts: PutOptions{IfMatch: "0123"}, want: errChanged},
		{name: "none is there", key: "none", opts: PutOptions{IfMatch: "0123"}, want: ErrNotFound},
		{name: "body fails", body: io.MultiReader(strings.NewReader("ne"), failingReader{fails}), want: fails},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.body == nil {
				tt.body = strings.NewReader("new")
			}
			if tt.key == "" && tt.want != ErrInvalidKey {
				tt.key = "k"
			}
			if _, err := s.Put(context.Background(), tt.key, tt.body, tt.opts); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			wantContent(t, s, "k", "was here")
			wantNoLeftovers(t, s)
		})
	}
	if _, err := s.Put(context.Background(), "k", strings.NewReader("new"), PutOptions{IfMatch: was.ETag}); err != nil {
		t.Errorf("the ETag matches: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Put(ctx, "k", strings.NewReader("never"), PutOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantContent(t, s, "k", "new")
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestDiskFull(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "k", "was here")
	s.wrap = func(w io.Writer) io.Writer { return &fullDisk{w, 100 << 10} }
	for _, key := range []string{"k", "new/k"} {
		_, err := s.Put(context.Background(), key, strings.NewReader(content(1, 1<<20)), PutOptions{})
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want ErrNoSpace", err)
		}
	}
	c := serve(t, s)
	c.want(c.do("PUT", at("k"), content(1, 1<<20)), 507, "InsufficientStorage")
	id, err := s.beginUpload("m", PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.want(c.do("PUT", at("m")+"?partNumber=1&uploadId="+id, content(1, 1<<20)), 507, "InsufficientStorage")
	wantContent(t, s, "k", "was here")
	wantAbsent(t, s, "new/k")
	wantNoLeftovers(t, s)
}

type fullDisk struct {
	w    io.Writer
	left int
}

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, &fs.PathError{Op: "write", Path: "/secret/path", Err: syscall.ENOSPC}
	}
	return f.w.Write(p)
}

// A name can be an object and a directory, whichever comes first.
func TestObjectsInObjects(t *testing.T) {
	want := map[string]string{"a": "1", "a/b": "2", "a/b/c": "3", "a/b/c/d/e": "4", "a/": "5", "a//": "6", "a/%=": "7", "a/b/": "8"}
	keys := slices.Sorted(maps.Keys(want))
	reversed := slices.Clone(keys)
	slices.Reverse(reversed)
	for _, order := range [][]string{keys, reversed} {
		s := newStore(t)
		for round := range 2 {
			for _, key := range order {
				mustPut(t, s, key, want[key]+strings.Repeat("!", 1-round))
			}
		}
		for _, key := range keys {
			wantContent(t, s, key, want[key])
		}
		list, more, err := s.List(context.Background(), "", "", 100)
		if err != nil || more || !slices.Equal(keysOf(list), keys) {
			t.Errorf("List: %q, %v, %v, want %q", keysOf(list), more, err, keys)
		}
		for i, key := range order {
			if err := s.Delete(context.Background(), key); err != nil {
				t.Fatal(err)
			}
			wantAbsent(t, s, key)
			for _, left := range order[i+1:] {
				wantContent(t, s, left, want[left])
			}
		}
		wantNoLeftovers(t, s)
		if left, _ := s.readDir(objectsDir); len(left) > 0 {
			t.Errorf("directories are left: %v", left)
		}
	}
}

func TestHostileKeys(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	keys := []string{"..", "../../../../etc/passwd", ".", "/", "//", "/etc/passwd", "a/../b", "a/./b", "%2E%2E/x", "%=", "tmp/x", "objects/x", "keys.json", "../keys.json",
		strings.Repeat("x", 1024), strings.Repeat("%", 1024), strings.Repeat("/", 150), strings.Repeat("é", 512), strings.Repeat("x", 200) + "/y", strings.Repeat("x", 200) + "y",
		"new\nline", "back\\slash", "-rf", "~", "*", "CON", "a b", "\x7f"}
	for i, key := range keys {
		mustPut(t, s, key, fmt.Sprint(i))
	}
	for i, key := range keys {
		wantContent(t, s, key, fmt.Sprint(i))
	}
	list, _, err := s.List(context.Background(), "", "", 1000)
	slices.Sort(keys)
	if err != nil || !slices.Equal(keysOf(list), keys) {
		t.Errorf("List: %v, %.60q, want %.60q", err, keysOf(list), keys)
	}
	wantNoLeftovers(t, s)
	for _, key := range keys {
		if err := s.Delete(context.Background(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	if left, _ := s.readDir(objectsDir); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// Of concurrent writers, readers and deleters of one key, and of keys that get
// in its way, nobody ever sees a mixture.
func TestConcurrent(t *testing.T) {
	s := newStore(t)
	const rounds = 60
	keys := []string{"a", "a/b", "a/b/c"}
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			for i := range rounds {
				key := keys[(worker+i)%len(keys)]
				text := content(uint64(worker<<8|i), 1000+worker)
				if _, err := s.Put(ctx, key, strings.NewReader(text), PutOptions{ContentType: fmt.Sprint(len(text))}); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range rounds {
				key := keys[(worker+i)%len(keys)]
				data, info, err := s.GetBytes(ctx, key, 1<<20)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil || fmt.Sprintf("%x", md5.Sum(data)) != info.ETag || info.ContentType != fmt.Sprint(len(data)) {
					t.Errorf("Get: %d bytes, %+v, %v", len(data), info, err)
				}
				if _, _, err := s.List(ctx, "a", "", 10); err != nil {
					t.Errorf("List: %v", err)
				}
				if i%8 == worker {
					if err := s.Delete(ctx, key); err != nil {
						t.Errorf("Delete: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	wantNoLeftovers(t, s)
}

func TestURI(t *testing.T) {
	for _, key := range []string{"a/b c/ü%.pb", "/x", "..", "a?b#c"} {
		if got, err := ParseURI(URI(key)); err != nil || got != key {
			t.Errorf("ParseURI(%q) = %q, %v", URI(key), got, err)
		}
	}
	for _, uri := range []string{"", "a/b", "s3:/drydock/a", "s3://drydock", "s3://drydock/", "s3://other/a", "gs://drydock/a", "/drydock/a", "S3://drydock/a", "s3://drydock/a\x00"} {
		if key, err := ParseURI(uri); !errors.Is(err, ErrInvalidURI) {
			t.Errorf("ParseURI(%q) = %q, %v", uri, key, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	s := newStore(t)
	a, err := s.Credentials("r1.x_y-z")
	if err != nil || a.AccessKey != "RUNr1.x_y-z" || len(a.SecretKey) < 40 {
		t.Errorf("%+v, %v", a, err)
	}
	again, _ := s.Credentials("r1.x_y-z")
	b, _ := s.Credentials("r2")
	if again != a || b.SecretKey == a.SecretKey {
		t.Errorf("%+v, %+v, %+v", a, again, b)
	}
	if id, ok := CredentialsID(a.AccessKey); !ok || id != "r1.x_y-z" {
		t.Errorf("CredentialsID: %q, %v", id, ok)
	}
	for _, id := range []string{"", "a/b", "a b", "a\n", strings.Repeat("x", 101)} {
		if _, err := s.Credentials(id); err == nil {
			t.Errorf("Credentials(%q) are given", id)
		}
	}
}
