// SPDX-License-Identifier: Apache-2.0

package python

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/internal/need"
)

// fakePython writes a program that answers as an interpreter would. sdk "":
// without flyte.
func fakePython(t testing.TB, dir, sdk string) string {
	t.Helper()
	version := "null"
	if sdk != "" {
		version = fmt.Sprintf("%q", sdk)
	}
	bin := filepath.Join(dir, "bin")
	program(t, filepath.Join(bin, "python3"), fmt.Sprintf(`#!/bin/sh
echo "sitecustomize says hello"
cat <<END
{"executable": %q, "prefix": %q, "base_prefix": "/usr", "version": "3.11.7", "sdk": %s, "origin": "", "path": ["/usr/lib/python3.11", %q, "/nowhere"], "scripts": [%q]}
END
`, filepath.Join(bin, "python3"), dir, version, os.TempDir(), bin))
	return filepath.Join(bin, "python3")
}

func program(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestFindOrder(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, sdk := range map[string]string{"explicit": "2.12.1", "active": "2.12.2", "onpath": "2.12.3", "bare": "", "system": "2.12.4"} {
		p := fakePython(t, at(name), sdk)
		if sdk != "" {
			program(t, filepath.Join(at(name), "bin", "a0"), "#!"+p+"\n")
		}
	}
	path := strings.Join([]string{"relative", at("onpath/bin"), at("bare/bin")}, ":")
	for _, tc := range []struct {
		name, explicit string
		env            map[string]string
		want           string // SDK; "": an error
		words          string
	}{
		{name: "explicit venv", explicit: at("explicit"), env: map[string]string{"VIRTUAL_ENV": at("active"), "PATH": path}, want: "2.12.1"},
		{name: "explicit program", explicit: at("explicit/bin/python3"), want: "2.12.1"},
		{name: "explicit name", explicit: "python3", env: map[string]string{"PATH": path}, want: "2.12.3"},
		{name: "active", env: map[string]string{"VIRTUAL_ENV": at("active"), "PATH": path}, want: "2.12.2"},
		{name: "active without flyte", env: map[string]string{"VIRTUAL_ENV": at("bare"), "PATH": path}, want: "2.12.3"},
		{name: "a0 on PATH", env: map[string]string{"PATH": path}, want: "2.12.3"},
		{name: "python3 on PATH", env: map[string]string{"PATH": at("system/bin")}, want: "2.12.4"},
		{name: "none", env: map[string]string{"PATH": at("empty")}, words: "no Python with flyte was found; activate"},
		{name: "no flyte", env: map[string]string{"PATH": at("bare/bin")}, words: "has no flyte; install it (" + at("bare/bin/python3") + " -m pip install flyte)"},
		{name: "explicit without flyte", explicit: at("bare"), env: map[string]string{"PATH": path}, words: "has no flyte"},
		{name: "explicit nowhere", explicit: at("nowhere"), words: "there is no Python at"},
		{name: "explicit empty directory", explicit: dir, words: "holds no bin/python"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Find(t.Context(), tc.explicit, environment(tc.env))
			if tc.want == "" {
				if err == nil || !strings.Contains(err.Error(), tc.words) {
					t.Errorf("got %v, want %q", err, tc.words)
				}
				return
			}
			if err != nil || got.SDK != tc.want {
				t.Errorf("got flyte %q (%v), want %s", got.SDK, err, tc.want)
			}
		})
	}
}

func TestAskRefusals(t *testing.T) {
	dir := t.TempDir()
	old := fakePython(t, filepath.Join(dir, "old"), "2.0.9")
	lost := fakePython(t, filepath.Join(dir, "lost"), "2.12.1")
	broken, mute, slow := filepath.Join(dir, "broken"), filepath.Join(dir, "mute"), filepath.Join(dir, "slow")
	program(t, broken, "#!/bin/sh\necho 'error while loading' >&2\nexit 3\n")
	program(t, mute, "#!/bin/sh\necho Python 2.7\n")
	program(t, slow, "#!/bin/sh\nexec sleep 60\n")
	for _, tc := range []struct{ program, words string }{
		{old, "flyte 2.0.9, and drydock needs " + MinSDK},
		{lost, "has flyte 2.12.1 but not its program a0"},
		{broken, "does not run (error while loading)"},
		{mute, "no Python 3 that drydock understands"},
		{filepath.Join(dir, "none"), "does not run"},
	} {
		if _, err := ask(t.Context(), tc.program); err == nil || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v, want %q", tc.program, err, tc.words)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, slow); err == nil {
		t.Error("waited for ever")
	}
}

func TestFoundPython(t *testing.T) {
	dir := t.TempDir()
	p := fakePython(t, dir, "2.12.1")
	program(t, filepath.Join(dir, "bin", "a0"), "#!"+p+"\n")
	got, err := Find(t.Context(), dir, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got.A0 != filepath.Join(dir, "bin", "a0") || got.Executable != p || got.Prefix != dir || got.Version != "3.11.7" {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(got.SitePackages, []string{os.TempDir()}) { // outside both prefixes, and there
		t.Errorf("site-packages %q", got.SitePackages)
	}
	if want := []string{filepath.Join(dir, "bin")}; !slices.Equal(got.Path(), want) {
		t.Errorf("path %q, want %q", got.Path(), want)
	}
}

func TestInterpreter(t *testing.T) {
	dir := t.TempDir()
	program(t, filepath.Join(dir, "bin", "python3"), "#!/bin/sh\n")
	for _, tc := range []struct{ name, text, want string }{
		{"plain", "#!/v/bin/python3.11\nimport re\n", "/v/bin/python3.11"},
		{"with options", "#!/v/bin/python -I\n", "/v/bin/python"},
		{"long path", "#!/bin/sh\n'''exec' \"/a long path/bin/python\" \"$0\" \"$@\"\n", "/a long path/bin/python"},
		{"long path, bare", "#!/bin/sh\n'''exec' /long/bin/python \"$0\" \"$@\"\n", "/long/bin/python"},
		{"env", "#!/usr/bin/env python3\n", filepath.Join(dir, "bin", "python3")},
		{"shim", "#!/usr/bin/env bash\nset -e\n", filepath.Join(dir, "bin", "python3")},
		{"shell", "#!/bin/sh\nexec true\n", filepath.Join(dir, "bin", "python3")},
		{"binary", "\x7fELF", filepath.Join(dir, "bin", "python3")},
		{"bare", "#!\n", filepath.Join(dir, "bin", "python3")},
	} {
		script := filepath.Join(dir, "bin", "script")
		program(t, script, tc.text)
		if got := interpreter(script, environment(map[string]string{"PATH": filepath.Join(dir, "bin")})); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLinkDirs(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b", "c"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program(t, filepath.Join(dir, "c", "python3"), "")
	for link, target := range map[string]string{"a/python3": "../b/python3", "b/python3": filepath.Join(dir, "c", "python3")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")}
	if got := linkDirs(filepath.Join(dir, "a", "python3")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A real interpreter answers the question, and is not led astray by modules in
// the current directory.
func TestRealInterpreter(t *testing.T) {
	python := need.Program(t, "python3")
	dir := t.TempDir()
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		need.Skip(t, "venv", fmt.Sprintf("needs python3 -m venv (%s)", strings.TrimSpace(string(out))))
	}
	site, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatalf("site-packages: %q, %v", site, err)
	}
	program(t, filepath.Join(site[0], "flyte-2.99.0.dist-info", "METADATA"), "Metadata-Version: 2.1\nName: flyte\nVersion: 2.99.0\n")
	program(t, filepath.Join(dir, "bin", "a0"), "#!"+filepath.Join(dir, "bin", "python3")+"\n")
	astray := t.TempDir()
	program(t, filepath.Join(astray, "json.py"), "raise SystemExit('astray')\n")
	t.Chdir(astray)
	t.Setenv("PYTHONPATH", astray)
	got, err := Find(t.Context(), dir, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got.SDK != "2.99.0" || got.Prefix != dir || got.BasePrefix == dir || !strings.HasPrefix(got.Version, "3.") || len(got.SitePackages) != 0 {
		t.Errorf("got %+v", got)
	}
}
