// SPDX-License-Identifier: Apache-2.0

package need

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// standIn is a python3 that knows its name, and makes environments whose pip
// notes in the log that it was called.
const standIn = `#!/bin/sh
case $1 in
-c) echo 3.11 /usr x86_64 ;;
-m) mkdir -p "$3/bin"
    printf '#!/bin/sh\necho pip >>"%s"\n%s\n' "$LOG" "$PIP" >"$3/bin/pip"
    chmod +x "$3/bin/pip" ;;
esac
`

func newVenv(t *testing.T, pip string) (v venv, requirements string, calls func() int) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	t.Setenv("LOG", log)
	t.Setenv("PIP", pip)
	v = venv{python: filepath.Join(dir, "python3"), cache: filepath.Join(dir, "cache")}
	requirements = filepath.Join(dir, "packages.txt")
	write(t, v.python, standIn, 0o755)
	write(t, requirements, "flyte==1\n", 0o644)
	return v, requirements, func() int {
		content, _ := os.ReadFile(log)
		return strings.Count(string(content), "pip")
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestVenvIsMadeOnce(t *testing.T) {
	v, requirements, calls := newVenv(t, "sleep 0.2")
	var all sync.WaitGroup
	dirs := make([]string, 8)
	for i := range dirs {
		all.Go(func() {
			var err error
			if dirs[i], err = v.provide(t.Context(), requirements); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, dir := range dirs {
		if dir != dirs[0] {
			t.Errorf("%s and %s for one file", dir, dirs[0])
		}
	}
	if n := calls(); n != 1 {
		t.Errorf("%d installations, want 1", n)
	}

	write(t, requirements, "flyte==2\n", 0o644)
	other, err := v.provide(t.Context(), requirements)
	if err != nil || other == dirs[0] {
		t.Errorf("other requirements: %q, %v", other, err)
	}
}

func TestVenvHalfMade(t *testing.T) {
	v, requirements, calls := newVenv(t, "echo 'no such package' >&2; exit 1")
	if _, err := v.provide(t.Context(), requirements); err == nil || !strings.Contains(err.Error(), "no such package") {
		t.Errorf("the error does not say what pip said: %v", err)
	}
	t.Setenv("PIP", "")
	if _, err := v.provide(t.Context(), requirements); err != nil {
		t.Error(err)
	}
	if n := calls(); n != 2 {
		t.Errorf("%d installations, want 2", n)
	}
}

func TestVenvWithoutPython(t *testing.T) {
	v := venv{python: "no-such-python", cache: t.TempDir()}
	requirements := filepath.Join(t.TempDir(), "packages.txt")
	write(t, requirements, "", 0o644)
	if _, err := v.provide(t.Context(), requirements); err == nil || !strings.Contains(err.Error(), "no program no-such-python") {
		t.Errorf("got %v", err)
	}
}
