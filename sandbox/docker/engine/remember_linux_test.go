// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Info is asked for once, until something speaks against what was kept.
func TestRemember(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, f *fake, file string)
		asked  int // how often in all, for two processes
	}{
		{"nothing", func(*testing.T, *fake, string) {}, 1},
		{"time has passed", func(t *testing.T, _ *fake, file string) { age(t, file, remembered+time.Second) }, 2},
		{"the clock was set back", func(t *testing.T, _ *fake, file string) { age(t, file, -time.Hour) }, 2},
		{"another API", func(_ *testing.T, f *fake, _ string) { f.api = "1.45" }, 2},
		{"another daemon", func(t *testing.T, _ *fake, file string) {
			rewrite(t, file, func(text string) string { return strings.Replace(text, `"Key":"unix`, `"Key":"another unix`, 1) })
		}, 2},
		{"a broken file", func(t *testing.T, _ *fake, file string) { rewrite(t, file, func(string) string { return "{" }) }, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(t)
			config := Config{Host: f.host, CacheDir: filepath.Join(t.TempDir(), "made")}
			first := openWith(t, config)
			files, err := filepath.Glob(filepath.Join(config.CacheDir, "*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("it kept %v, %v", files, err)
			}
			tc.change(t, f, files[0])
			second := openWith(t, config)
			if asked := strings.Count(f.requests(), "/info"); asked != tc.asked {
				t.Errorf("asked %d times, want %d", asked, tc.asked)
			}
			if tc.asked == 1 {
				if diff := cmp.Diff(first, second); diff != "" {
					t.Errorf("it remembers something else, -first +second:\n%s", diff)
				}
			}
		})
	}
}

func openWith(t *testing.T, config Config) Info {
	t.Helper()
	e, err := Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.Info()
}

func age(t *testing.T, file string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, file string, change func(string) string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(change(string(content))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A process is itself, and nobody else is.
func TestIdentity(t *testing.T) {
	mine := peer{unix: true, pid: os.Getpid()}.identity("unix:///x")
	if mine == "" || mine != (peer{unix: true, pid: os.Getpid()}).identity("unix:///x") {
		t.Errorf("this process is %q", mine)
	}
	for _, pid := range []int{0, 1, os.Getppid()} {
		if other := (peer{unix: true, pid: pid}).identity("unix:///x"); other == mine || pid < 2 && other != "" {
			t.Errorf("process %d is %q", pid, other)
		}
	}
}
