// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
)

func TestStateRoot(t *testing.T) {
	tests := map[string]string{
		"/var/lib/drydock/tasks/01J/attempts/2": "/var/lib/drydock",
		"/tmp/x":                                "/tmp/x",
		"/tasks/a/attempts/1":                   "/",
	}
	for dir, want := range tests {
		if got := stateRoot(dir); got != want {
			t.Errorf("stateRoot(%s) = %s, want %s", dir, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	tests := []struct {
		path, dir string
		want      bool
	}{
		{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/x", "/", true},
	}
	for _, tt := range tests {
		if got := within(tt.path, tt.dir); got != tt.want {
			t.Errorf("within(%s, %s) = %v", tt.path, tt.dir, got)
		}
	}
}

func TestVisibleMounts(t *testing.T) {
	data := t.TempDir()
	odd := filepath.Join(data, "with space")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	table := strings.Join([]string{
		"1 0 8:1 / / rw - ext4 /dev/vda rw",
		"2 1 0:5 / /proc rw - proc proc rw",
		"3 1 0:6 / /run rw - tmpfs tmpfs rw",
		"4 1 0:7 / /tmp rw - ext4 /dev/vdb rw",
		"5 1 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
		"6 1 0:9 / /usr rw - nfs4 server:/usr rw",
		"7 1 0:9 / /usr rw,noexec - xfs /dev/vdc rw",
		"8 1 0:9 / /a:b rw - xfs /dev/vdc rw",
	}, "\n")
	got := visibleMounts(table)
	if diff := cmp.Diff([]hostMount{{point: "/usr", fstype: "xfs", noExec: true}}, got, cmp.AllowUnexported(hostMount{})); diff != "" {
		t.Error(diff)
	}
	if got := unescapeMount(`/a\040b\134c`); got != `/a b\c` {
		t.Errorf("unescapeMount = %q", got)
	}
}

func TestBoundSockets(t *testing.T) {
	table := "Num       RefCount Protocol Flags    Type St Inode Path\n" +
		"0000: 00000002 00000000 00010000 0001 01 100 /run/docker.sock\n" +
		"0000: 00000002 00000000 00010000 0001 01 101 @abstract\n" +
		"0000: 00000003 00000000 00000000 0001 03 102\n" +
		"0000: 00000002 00000000 00010000 0001 01 103 /home/me/a b.sock\n" +
		"0000: 00000003 00000000 00000000 0001 03 104 /run/docker.sock\n"
	want := []string{"/run/docker.sock", "/home/me/a b.sock"}
	if diff := cmp.Diff(want, boundSockets(table)); diff != "" {
		t.Error(diff)
	}
}

func TestIsLoginSocket(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///home/me/engine/api")
	for socket, want := range map[string]bool{
		"/home/me/.docker/run/docker.sock": true,
		"/home/me/.gnupg/S.gpg-agent.ssh":  true,
		"/tmp/ssh-XXXX/agent.123":          true,
		"/home/me/engine/api":              true, // named by DOCKER_HOST
		"/home/me/project/app.sock":        false,
		"/home/me/project/.s.PGSQL.5432":   false,
	} {
		if got := isLoginSocket(socket); got != want {
			t.Errorf("isLoginSocket(%s) = %v", socket, got)
		}
	}
}

// view plans a view for a spec that stands in a directory of its own.
func view(t *testing.T, change func(*sandbox.Spec)) (*hostView, sandbox.Spec, error) {
	t.Helper()
	spec := sandbox.Spec{ID: "x", Attempt: 1, Dir: filepath.Join(t.TempDir(), "tasks", "x", "attempts", "1"), WorkDir: resolved(t, t.TempDir())}
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&spec)
	}
	v, err := lookAtHost(spec, false)
	return v, spec, err
}

func resolved(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func mountAt(v *hostView, target string) *specs.Mount {
	for i := len(v.mounts) - 1; i >= 0; i-- {
		if v.mounts[i].Destination == target {
			return &v.mounts[i]
		}
	}
	return nil
}

func TestWorkDirIsBound(t *testing.T) {
	v, spec, err := view(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if notes := workDirNote(spec); len(notes) > 0 {
		t.Errorf("an ordinary directory is complained about: %+v", notes)
	}
	m := mountAt(v, spec.WorkDir)
	if m == nil || !slices.Contains(m.Options, "rw") {
		t.Fatalf("working directory mount = %+v", m)
	}
	if !slices.Contains(v.masked, filepath.Join(stateRoot(spec.Dir), "tasks")) {
		t.Errorf("the state directory is in sight: %v", v.masked)
	}
	if !slices.Contains(v.rootfs.Empty, "/tmp") {
		t.Error("/tmp is the host's")
	}
}

func TestSystemWorkDirIsNotBound(t *testing.T) {
	for _, dir := range []string{"/", "/etc", "/etc/ssl", "/usr/local/bin", "/proc/self"} {
		v, _, err := view(t, func(s *sandbox.Spec) { s.WorkDir = dir })
		if err != nil {
			t.Fatal(err)
		}
		if m := mountAt(v, dir); m != nil {
			t.Errorf("%s is bound: %+v", dir, m)
		}
		if notes := workDirNote(sandbox.Spec{WorkDir: dir}); len(notes) != 1 || notes[0].Limit != "working-directory" {
			t.Errorf("%s: nothing is said: %+v", dir, notes)
		}
	}
}

func TestMounts(t *testing.T) {
	source := resolved(t, t.TempDir())
	tests := []struct {
		name   string
		mount  sandbox.Mount
		reason string // of the SpecError; "" for none
		mode   string
	}{
		{"read-write", sandbox.Mount{Source: source, Target: "/data"}, "", "rw"},
		{"read-only, with everything below", sandbox.Mount{Source: source, Target: "/data", ReadOnly: true}, "", "rro"},
		{"missing source", sandbox.Mount{Source: source + "/no", Target: "/data"}, "does not exist", ""},
		{"relative target", sandbox.Mount{Source: source, Target: "data"}, "absolute", ""},
		{"over /", sandbox.Mount{Source: source, Target: "/../"}, "not /", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _, err := view(t, func(s *sandbox.Spec) { s.Mounts = []sandbox.Mount{tt.mount} })
			if tt.reason != "" {
				var specErr *sandbox.SpecError
				if !errors.As(err, &specErr) || !strings.Contains(specErr.Error(), tt.reason) {
					t.Errorf("error = %v, want a SpecError about %q", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m := mountAt(v, tt.mount.Target); m == nil || !slices.Contains(m.Options, tt.mode) {
				t.Errorf("mount = %+v, want %s", m, tt.mode)
			}
		})
	}
}

func TestWorkDirErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, reason := range map[string]string{"relative": "absolute", "/no/such/dir": "does not exist", file: "not a directory"} {
		_, _, err := view(t, func(s *sandbox.Spec) { s.WorkDir = dir })
		var specErr *sandbox.SpecError
		if !errors.As(err, &specErr) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error = %v, want a SpecError about %q", dir, err, reason)
		}
	}
}

func FuzzVisibleMounts(f *testing.F) {
	f.Add("1 0 8:1 / /usr rw - ext4 /dev/vda rw")
	f.Fuzz(func(t *testing.T, table string) {
		for _, m := range visibleMounts(table) {
			if m.point == "/" || within(m.point, "/proc") {
				t.Errorf("%q shows %s", table, m.point)
			}
		}
		boundSockets(table)
	})
}

// A state directory below the working directory, or below a mount, is hidden
// there too, and none of the directories on the way to it can be renamed.
func TestStateBelowBindsIsPinned(t *testing.T) {
	top := resolved(t, t.TempDir())
	dir := filepath.Join(top, "a", "state", "tasks", "x", "attempts", "1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	v, _, err := view(t, func(s *sandbox.Spec) {
		s.Dir, s.WorkDir = dir, top
		s.Mounts = []sandbox.Mount{{Source: top, Target: "/data"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{top, "/data"} {
		if !slices.Contains(v.masked, filepath.Join(base, "a", "state", "tasks")) {
			t.Errorf("below %s the state is in sight: %v", base, v.masked)
		}
		for _, pinned := range []string{"a", "a/state"} {
			if mountAt(v, filepath.Join(base, pinned)) == nil {
				t.Errorf("%s below %s can be renamed", pinned, base)
			}
		}
		// A link called runs would lead drydock up elsewhere.
		if m := mountAt(v, filepath.Join(base, "a", "state")); m == nil || !slices.Contains(m.Options, "ro") {
			t.Errorf("below %s things can be made in the state directory: %+v", base, m)
		}
		if m := mountAt(v, filepath.Join(base, "a")); m == nil || !slices.Contains(m.Options, "rw") {
			t.Errorf("below %s the directory around the state is not writable: %+v", base, m)
		}
	}
}

// Who works in a directory inside the state directory may write there, also
// where a mount shows both.
func TestWorkDirInsideStateIsWritable(t *testing.T) {
	top := resolved(t, t.TempDir())
	dir, work := filepath.Join(top, "state", "tasks", "x", "attempts", "1"), filepath.Join(top, "state", "mine")
	for _, d := range []string{dir, work} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	v, _, err := view(t, func(s *sandbox.Spec) {
		s.Dir, s.WorkDir = dir, work
		s.Mounts = []sandbox.Mount{{Source: top, Target: top}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if m := mountAt(v, filepath.Join(top, "state")); m == nil || !slices.Contains(m.Options, "rw") {
		t.Errorf("got %+v", m)
	}
}
