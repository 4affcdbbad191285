// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/sandbox"
)

var viewCases = []testCase{
	{name: "env", test: environment},
	{name: "cwd", test: workingDirectory},
	{name: "user", test: user},
	{name: "capabilities", test: capabilities},
	{name: "mounts", test: mounts},
	{name: "host-root", test: hostRoot},
	{name: "read-only", test: readOnly},
	{name: "network-none", test: networkNone},
	{name: "pid-namespace", test: pidNamespace},
	{name: "huge-pages-allowed", test: hugePagesAllowed, kernel: true},
	{name: "C20", test: launcherScore},
}

// prints runs hog and compares its standard output.
func (s *suite) prints(t *testing.T, spec sandbox.Spec, want string) {
	t.Helper()
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	if e.stdout != want {
		t.Errorf("stdout is %q, want %q (stderr %q)", e.stdout, want, e.stderr)
	}
}

// The program gets the environment of the Spec and nothing of ours.
func environment(t *testing.T, s *suite) {
	t.Setenv("DRYDOCK_TEST_LEAK", "leaked")
	spec := s.spec(t, "env", "ONE", "env", "DRYDOCK_TEST_LEAK", "env", "LINES")
	spec.Env = append(spec.Env, "ONE=1=one", "LINES=a\nb")
	s.prints(t, spec, "1=one\n(unset)\na\nb\n")
}

// The working directory is the host's own: what is written there stays.
func workingDirectory(t *testing.T, s *suite) {
	spec := s.spec(t, "cwd", "write", "result", "kept")
	s.prints(t, spec, spec.WorkDir+"\nok\n")
	content, err := os.ReadFile(filepath.Join(spec.WorkDir, "result"))
	if err != nil || string(content) != "kept" {
		t.Errorf("the file on the host: %q, %v", content, err)
	}
}

func user(t *testing.T, s *suite) {
	for _, tc := range []struct{ user, want string }{
		{"1234:567", "1234:567 1234:567\n"},
		{"0:0", "0:0 0:0\n"},
	} {
		t.Run(tc.user, func(t *testing.T) {
			spec := s.spec(t, "ids")
			spec.User = tc.user
			s.prints(t, spec, tc.want)
		})
	}
}

// Restricted attempts hold no capability, and none may gain privileges.
func capabilities(t *testing.T, s *suite) {
	for _, mode := range []sandbox.CapMode{sandbox.CapsDefault, sandbox.CapsRestricted} {
		t.Run(string(mode), func(t *testing.T) {
			spec := s.spec(t, "read", "/proc/self/status")
			spec.Caps = mode
			e := s.do(t, spec)
			for _, set := range []string{"CapEff", "CapPrm", "CapBnd"} {
				none := strings.Contains(e.stdout, set+":\t0000000000000000\n")
				if none != (mode == sandbox.CapsRestricted) {
					t.Errorf("%s is empty: %v\n%s", set, none, e.stdout)
				}
			}
			for _, line := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
				if !strings.Contains(e.stdout, line) {
					t.Errorf("the status lacks %q", line)
				}
			}
		})
	}
}

func mounts(t *testing.T, s *suite) {
	for _, ro := range []bool{false, true} {
		t.Run(fmt.Sprint("read-only ", ro), func(t *testing.T) {
			host := filepath.Join(t.TempDir(), "given")
			if err := os.MkdirAll(host, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(host, "file"), []byte("from the host\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			spec := s.spec(t, "read", "/opt/given/file", "write", "/opt/given/new", "text")
			spec.Mounts = []sandbox.Mount{{Source: host, Target: "/opt/given", ReadOnly: ro}}
			want := "from the host\nok\n"
			if ro {
				want = "from the host\nRead-only file system\n"
			}
			s.prints(t, spec, want)
			if _, err := os.Stat(filepath.Join(host, "new")); (err == nil) == ro {
				t.Errorf("the file on the host: %v", err)
			}
		})
	}
}

// Writing outside the working directory works, and never reaches the host.
func hostRoot(t *testing.T, s *suite) {
	outside, err := os.MkdirTemp("/var/tmp", "drydock-canary-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(outside)
	file := filepath.Join(outside, "file")
	if err := os.WriteFile(file, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := "/drydock-test-" + filepath.Base(outside)
	e := s.do(t, s.spec(t, "write", file, "bad", "write", name, "x", "write", "/usr/bin"+name, "x"))
	wantExit(t, e, 0, "")
	if content, err := os.ReadFile(file); err != nil || string(content) != "untouched" {
		t.Errorf("the host's file: %q, %v", content, err)
	}
	for _, path := range []string{name, "/usr/bin" + name} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is on the host", path)
			_ = os.Remove(path)
		}
	}
}

// With a read-only root the working directory stays writable.
func readOnly(t *testing.T, s *suite) {
	spec := s.spec(t, "write", "/usr/x", "text", "write", "here", "text")
	spec.ReadOnly = true
	s.prints(t, spec, "Read-only file system\nok\n")
}

func networkNone(t *testing.T, s *suite) {
	spec := s.spec(t, "interfaces")
	spec.Network = sandbox.NetworkNone
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	for name := range strings.FieldsSeq(e.stdout) {
		// Some kernels give every new namespace unconfigured tunnel stubs.
		if name == "eth0" || strings.HasPrefix(name, "en") || strings.HasPrefix(name, "docker") {
			t.Errorf("interface %s is visible", name)
		}
	}
	if !strings.Contains(e.stdout, "lo\n") {
		t.Errorf("no loopback: %q", e.stdout)
	}
}

func pidNamespace(t *testing.T, s *suite) {
	s.prints(t, s.spec(t, "pid"), "1\n")
}

// What the sandbox may forgo while it starts a program, transparent huge pages,
// the program has as it would outside.
func hugePagesAllowed(t *testing.T, s *suite) {
	own, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	e := s.do(t, s.spec(t, "read", "/proc/self/status"))
	const field = "THP_enabled:"
	if got, want := fieldOf(e.stdout, field), fieldOf(string(own), field); got != want {
		t.Errorf("%s is %q, outside %q", field, got, want)
	}
}

// fieldOf is the rest of the line that begins with name.
func fieldOf(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// The launcher's oom_score_adj is not inherited.
func launcherScore(t *testing.T, s *suite) {
	withScore(t, "700", func() { // upstream has -100, which not every root may set
		s.prints(t, s.spec(t, "read", "/proc/self/oom_score_adj"), "500\n")
	})
}
