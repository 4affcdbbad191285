// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultRoot(t *testing.T) {
	home := func() (string, error) { return "/home/ann", nil }
	homeless := func() (string, error) { return "", errors.New("no home") }
	for _, tc := range []struct {
		name string
		env  map[string]string
		euid int
		home func() (string, error)
		want string
	}{
		{"root", nil, 0, home, "/var/lib/drydock"},
		{"root ignores XDG", map[string]string{"XDG_STATE_HOME": "/x"}, 0, home, "/var/lib/drydock"},
		{"user", nil, 1000, home, "/home/ann/.local/state/drydock"},
		{"XDG", map[string]string{"XDG_STATE_HOME": "/x"}, 1000, home, "/x/drydock"},
		{"a relative XDG is ignored", map[string]string{"XDG_STATE_HOME": "x"}, 1000, home, "/home/ann/.local/state/drydock"},
		{"variable", map[string]string{EnvDir: "/d", "XDG_STATE_HOME": "/x"}, 1000, home, "/d"},
		{"variable for root", map[string]string{EnvDir: "/d"}, 0, home, "/d"},
		{"no home", nil, 1000, homeless, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := defaultRoot(func(name string) string { return tc.env[name] }, tc.euid, tc.home)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestOpenMakesAPrivateDirectory(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second time it is there
		d, err := Open(root)
		if err != nil {
			t.Fatal(err)
		}
		if d.Root() != root {
			t.Errorf("root is %q", d.Root())
		}
	}
	for _, dir := range []string{root, filepath.Join(root, "tasks")} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", dir, info.Mode())
		}
	}
}

// Another version's directory is refused in one sentence with a remedy, and
// left as it is.
func TestOpenRefusesOtherVersions(t *testing.T) {
	for name, content := range map[string]string{
		"newer": "2\n", "older": "0\n", "corrupt": "\x00\xff", "long": strings.Repeat("x", 1<<16), "not plain": "+1",
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "version")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(root)
			version, ok := errors.AsType[*VersionError](err)
			if !ok || version.Path != path || version.Known != LayoutVersion {
				t.Fatalf("got %v", err)
			}
			text := err.Error()
			if !strings.Contains(text, "--state-dir") || strings.ContainsAny(text, "\n\x00") || len(text) > 300 {
				t.Errorf("not a sentence with a remedy: %q", text)
			}
			entries, _ := os.ReadDir(root)
			after, _ := os.ReadFile(path)
			if len(entries) != 1 || string(after) != content {
				t.Errorf("the directory was changed: %v, %q", entries, after)
			}
		})
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for root, says := range map[string]string{
		file:                            "file",
		filepath.Join(file, "below"):    "not a directory",
		"/proc/self/nowhere":            "no directory can be made there; give --state-dir another path",
		"/" + strings.Repeat("x", 5000): "too long",
	} {
		if _, err := Open(root); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40s: got %v, want something about %q", root, err, says)
		}
	}
}

func TestDirErrors(t *testing.T) {
	for errno, says := range map[syscall.Errno]string{
		syscall.ENOSPC: "disk is full; free some space", syscall.EDQUOT: "full", syscall.EROFS: "read-only", syscall.EACCES: "permission denied",
	} {
		err := Explain("/d/tasks", &fs.PathError{Op: "mkdir", Path: "/d/tasks", Err: errno})
		if !strings.Contains(err.Error(), says) || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

func TestTasksAndAttempts(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 3 {
		id, err := NewID()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.CreateTask(id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, stranger := range []string{"notes", strings.ToLower(ids[0])} {
		if err := os.Mkdir(d.Task(stranger), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.TaskIDs()
	if diff := cmp.Diff(ids, got); diff != "" || err != nil {
		t.Errorf("%v, ids (-want +got):\n%s", err, diff)
	}
	if n, err := d.Attempts(ids[0]); len(n) != 0 || err != nil {
		t.Errorf("attempts %v, %v", n, err)
	}
	for _, n := range []int{1, 2, 10} {
		dir, err := d.CreateAttempt(ids[0], n)
		if err != nil || dir != d.Attempt(ids[0], n) {
			t.Fatal(dir, err)
		}
	}
	if n, err := d.Attempts(ids[0]); !cmp.Equal(n, []int{1, 2, 10}) || err != nil {
		t.Errorf("attempts %v, %v", n, err)
	}
	if _, err := d.CreateAttempt(ids[0], 2); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an attempt's directory was given twice: %v", err)
	}
	for _, bad := range []string{"", "..", "../../etc", "01J", strings.Repeat("Z", 26), strings.Repeat("x", 26)} {
		if _, err := d.CreateTask(bad); err == nil {
			t.Errorf("CreateTask(%q) went through", bad)
		}
		if _, err := d.CreateAttempt(bad, 1); err == nil {
			t.Errorf("CreateAttempt(%q) went through", bad)
		}
	}
}

func TestIDsRise(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			last := ""
			for range 500 {
				id, err := NewID()
				if err != nil || !ValidID(id) || id <= last {
					t.Errorf("%q after %q: %v", id, last, err)
					return
				}
				last = id
				mu.Lock()
				if seen[id] {
					t.Errorf("%q twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

type document struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
}

func TestJSON(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.json")
	for _, text := range []string{"first", "second"} {
		if err := WriteJSON(path, document{1, text}); err != nil {
			t.Fatal(err)
		}
		var got document
		if err := ReadJSON(path, 1, &got); err != nil || got.Text != text {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("temporary files were left: %v", entries)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := WriteJSON(path, func() {}); err == nil {
		t.Error("a function was encoded")
	}
	if err := WriteJSON(filepath.Join(dir, "gone", "x.json"), document{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing into nowhere: %v", err)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	var into document
	if err := ReadJSON(path, 1, &into); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for content, version := range map[string]bool{
		`{"version":2}`: true, `{"version":0}`: true, `{}`: true, `{"version":-1}`: true,
		`{"version":1,"text":3}`: false, `{"version":1`: false, ``: false, `[]`: false,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := ReadJSON(path, 1, &into)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", content, err)
		}
		if _, ok := errors.AsType[*VersionError](err); ok != version {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// Readers meet one document or the other, never half of one.
func TestWritesAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	texts := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)}
	if err := WriteJSON(path, document{1, texts[0]}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 100 {
			if err := WriteJSON(path, document{1, texts[i%2]}); err != nil {
				t.Error(err)
			}
		}
	})
	for range 100 {
		var got document
		if err := ReadJSON(path, 1, &got); err != nil || got.Text != texts[0] && got.Text != texts[1] {
			t.Errorf("%v, %d bytes", err, len(got.Text))
		}
	}
	all.Wait()
}

func TestAttemptOf(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	root, gotID, n, err := AttemptOf(d.Attempt(id, 12))
	if root != d.Root() || gotID != id || n != 12 || err != nil {
		t.Errorf("got %s, %s, %d, %v", root, gotID, n, err)
	}
	for _, dir := range []string{"", "/", d.Root(), d.Task(id), d.Attempt(id, 0), d.Attempt("../x", 1), filepath.Join(d.Task(id), "other", "1"), "/a/" + id + "/attempts/1"} {
		if _, _, _, err := AttemptOf(dir); err == nil {
			t.Errorf("%q counts as an attempt's directory", dir)
		}
	}
}

// What a power cut leaves empty is written anew, and is no end of a task.
func TestPowerCut(t *testing.T) {
	root := t.TempDir()
	for _, text := range []string{"", "\x00\x00"} {
		if err := os.WriteFile(filepath.Join(root, versionFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(root); err != nil {
			t.Errorf("a version of %q: %v", text, err)
		}
		if data, err := os.ReadFile(filepath.Join(root, versionFile)); string(data) != "1\n" || err != nil {
			t.Errorf("the version is %q, %v", data, err)
		}
	}
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewID()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := d.CreateTask(id)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, EndedFile)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d.EndRecorded(id) {
		t.Error("an empty file is an end")
	}
	var doc struct{}
	if err := ReadJSON(path, 1, &doc); !errors.Is(err, ErrTorn) {
		t.Errorf("an empty document: %v", err)
	}
}
