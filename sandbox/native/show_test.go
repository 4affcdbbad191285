// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/internal/need"
	"drydock/resources"
	"drydock/sandbox"
)

// show runs a script on a state directory of its own and returns what it says.
type show struct {
	state  string
	leases string
	sock   sandbox.Sandbox
}

func newShow(t *testing.T, state string) show {
	t.Helper()
	runnable(t)
	nothingLeft(t)
	leases := t.TempDir()
	return show{state, leases, newSandbox(t, shim(t), leases)}
}

func (s show) run(t *testing.T, script string, change func(*executor.Task)) (string, *executor.Result, error) {
	t.Helper()
	x, err := executor.New(executor.Config{Sandbox: s.sock, StateDir: s.state, LeaseDir: s.leases})
	if err != nil {
		t.Fatal(err)
	}
	task := executor.Task{
		Command:   []string{"sh", "-c", "exec 2>&1\n" + script}, // one stream: its order is the script's
		Resources: resources.Resources{Memory: resources.Of("256Mi"), CPU: resources.Of("100m")},
	}
	change(&task)
	var out bytes.Buffer
	result, err := x.Run(t.Context(), task, executor.WithStreams(sandbox.Streams{Stdout: &out}))
	return out.String(), result, err
}

// onOverlay mounts an overlay on dir: a state directory there can hold no
// private layer, as in a container.
func onOverlay(t *testing.T, dir string) {
	t.Helper()
	base := t.TempDir()
	options := ""
	for _, name := range []string{"lower", "upper", "work"} {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		options += "," + name + "dir=" + path
	}
	if err := unix.Mount("overlay", dir, "overlay", 0, options[1:]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// eachRoot runs f with a private layer and without one.
func eachRoot(t *testing.T, f func(t *testing.T, s show, layer bool)) {
	for name, layer := range map[string]bool{"private layer": true, "read-only root": false} {
		t.Run(name, func(t *testing.T) {
			need.Root(t)
			state := place(t, "/var/tmp") // which a sandbox shows, unlike /tmp
			if !layer {
				onOverlay(t, state)
			}
			f(t, newShow(t, state), layer)
		})
	}
}

// place makes a directory at a place that a sandbox hides or shows otherwise.
func place(t *testing.T, parent string) string {
	t.Helper()
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(parent, "drydock-show-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Each attempt has an empty directory of its own on disk; nothing else of the
// state directory is to be seen, the supervisor's socket least of all.
func TestScratch(t *testing.T) {
	eachRoot(t, func(t *testing.T, s show, layer bool) {
		script := `pwd; ls -A; echo text >file && cat file; mkdir sub && echo made
case $(stat -f -c %T .) in tmpfs) echo memory;; esac
ls -A ` + s.state + `/tasks 2>/dev/null; find / -xdev -path /proc -prune -o -path /usr -prune -o -path /root -prune -o -path /work -prune -o -name 'control.sock' -print
test -e /proc/1/cwd/../control.sock && echo socket; echo; exit 3`
		targets := []string{"/tmp/a/b", "/run/own", "/tmp"}
		if layer {
			targets = append(targets, "/opt/no/such/place", "/root/own", "/home/own", s.state+"/tasks/own")
		}
		for _, target := range targets {
			out, result, err := s.run(t, script, func(task *executor.Task) {
				task.Scratch, task.Retries.Count = target, 1 // the second attempt must not see the first's
			})
			if _, ok := errors.AsType[*executor.TaskFailedError](err); !ok || len(result.Attempts) != 2 {
				t.Errorf("%s: %v\n%s", target, err, out)
				continue
			}
			want := target + "\ntext\nmade\n"
			if strings.HasSuffix(target, "tasks/own") {
				want += "own\n"
			}
			want += "\n"
			if out != want+want {
				t.Errorf("%s: the task says %q, want %q twice", target, out, want)
			}
			for _, a := range result.Attempts {
				if _, err := os.Lstat(filepath.Join(a.Dir, "work")); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s: after the end: %v", target, err)
				}
			}
		}
		if layer {
			return
		}
		out, _, err := s.run(t, script, func(task *executor.Task) { task.Scratch = "/opt/no/such/place" })
		refused, ok := errors.AsType[*executor.RefusedError](err)
		if !ok || !strings.Contains(refused.Error(), "below /tmp") {
			t.Errorf("where it cannot be made: %v\n%s", err, out)
		}
	})
}

// A finished temporary file is renamed into place, as on a cluster, where /tmp
// and the working directory are one file system. mv would hide that they are not.
func TestScratchAndTmpAreOneFileSystem(t *testing.T) {
	python := need.Program(t, "python3")
	s := newShow(t, t.TempDir())
	out, _, err := s.run(t, python+` -c 'import os; open("/tmp/x", "w").close(); os.rename("/tmp/x", "./x"); print("renamed")'`, func(task *executor.Task) { task.Scratch = "/tmp/own" })
	if err != nil || out != "renamed\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// Another user of the sandbox may write there, too.
func TestScratchOfUser(t *testing.T) {
	s := newShow(t, t.TempDir())
	out, _, err := s.run(t, "echo text >file; cat file", func(task *executor.Task) {
		task.Scratch, task.User = "/tmp/own", "1234:567"
	})
	if err != nil || out != "text\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// A Python virtual environment is shown where it lies, wherever that is: its
// scripts name their own path. It cannot be written.
func TestVirtualEnvironment(t *testing.T) {
	python := need.Program(t, "python3")
	eachRoot(t, func(t *testing.T, s show, layer bool) {
		for _, parent := range []string{"/tmp", "/run", "/root", "/home", "/var/tmp", s.state, s.state + "/runs/x", filepath.Dir(s.state)} {
			env := filepath.Join(place(t, parent), "venv")
			if output, err := exec.CommandContext(t.Context(), python, "-m", "venv", "--without-pip", env).CombinedOutput(); err != nil {
				t.Fatalf("make the environment: %v\n%s", err, output)
			}
			link := env + "-link" // a link beside it, as version managers make them
			if err := os.Symlink(env, link); err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(env, "bin", "tool")
			if err := os.WriteFile(script, []byte("#!"+env+"/bin/python\nimport sys; print(sys.prefix)\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			out, _, err := s.run(t, fmt.Sprintf("%s/bin/tool; %s/bin/python -c 'import sys; print(sys.executable)'; touch %s/x 2>/dev/null && echo written; ls -A %s/tasks 2>/dev/null; true", env, link, env, s.state), func(task *executor.Task) {
				task.Scratch = "/tmp/own"
				task.Mounts = []sandbox.Mount{{Source: env, Target: env, ReadOnly: true}, {Source: link, Target: link, ReadOnly: true}}
			})
			if want := env + "\n" + link + "/bin/python\n"; err == nil && out == want {
				continue
			}
			t.Errorf("below %s: %v\n%s", parent, err, out)
		}
	})
}

// A mount below the scratch directory, and a file as a mount.
func TestMountBelowScratch(t *testing.T) {
	eachRoot(t, func(t *testing.T, s show, _ bool) {
		code := place(t, "/tmp")
		file := filepath.Join(code, "main.py")
		if err := os.WriteFile(file, []byte("print(1)\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _, err := s.run(t, "cat code/main.py /tmp/file; (echo x >code/new); echo y >new", func(task *executor.Task) {
			task.Scratch = "/tmp/own"
			task.Mounts = []sandbox.Mount{{Source: code, Target: "/tmp/own/code", ReadOnly: true}, {Source: file, Target: "/tmp/file", ReadOnly: true}}
		})
		if err != nil || strings.Count(out, "print(1)\n") != 2 || !strings.Contains(out, "Read-only") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// A working directory inside a mount is the mount's, whatever the host has
// under that name; one that the mount lacks is refused.
func TestWorkDirInMount(t *testing.T) {
	s := newShow(t, t.TempDir())
	code := place(t, "/tmp")
	if err := os.MkdirAll(filepath.Join(code, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, ok := range map[string]bool{"/etc/code/sub": true, "/etc/code": true, "/etc/code/none": false} {
		out, _, err := s.run(t, "pwd; ls -d sub ../sub 2>/dev/null; true", func(task *executor.Task) {
			task.WorkDir = dir
			task.Mounts = []sandbox.Mount{{Source: code, Target: "/etc/code", ReadOnly: true}}
		})
		_, refused := errors.AsType[*executor.RefusedError](err)
		if ok != (err == nil) || refused == ok || ok && !strings.HasPrefix(out, dir+"\n") || ok && !strings.Contains(out, "sub\n") {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
}
