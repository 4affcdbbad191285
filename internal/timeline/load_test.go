// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/internal/state"
)

func TestLoadUnknown(t *testing.T) {
	root := scenes["oom"].lay(t)
	for _, id := range []string{"01JDX3Q9ZB8T5M2V7N4K6H0WYD", "../x", ""} {
		if _, err := (Loader{StateDir: root}).Load(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A damaged document hides what it says and nothing else.
func TestLoadDamaged(t *testing.T) {
	for name, tt := range map[string]struct {
		file, content string
		note          string
		check         func(*Report) bool
	}{
		"task":     {state.TaskFile, "{", "task.json", func(r *Report) bool { return r.Attempts[0].Verdict.OOM != nil && r.Task.Command == nil }},
		"end":      {state.EndedFile, "", "ended.json", func(r *Report) bool { return r.Result == nil && r.Attempts[0].Verdict.OOM != nil }},
		"outcome":  {"attempts/1/outcome.json", `{"version":99}`, "version 99", func(r *Report) bool { return r.Attempts[0].State == Lost && len(r.Attempts[0].Points) > 0 }},
		"demand":   {"attempts/1/demand.json", "[]", "demand.json", func(r *Report) bool { return r.Attempts[0].MemoryLimit == 64*mib && r.Attempts[0].Verdict.OOM != nil }},
		"no drawn": {"attempts/1/samples", "\x00\n", "", func(r *Report) bool { return strings.Contains(strings.Join(r.Attempts[0].Notes, ";"), "damaged: 1") }},
	} {
		t.Run(name, func(t *testing.T) {
			root := scenes["oom"].lay(t)
			if err := os.WriteFile(filepath.Join(root, "tasks", sceneID, tt.file), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := Loader{StateDir: root}.Load(sceneID)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(r) || !strings.Contains(strings.Join(r.Notes, "; "), tt.note) {
				t.Errorf("notes %q, attempt %+v", r.Notes, r.Attempts[0])
			}
			for _, f := range Formats {
				render(t, r, f, Options{})
			}
		})
	}
}

// Of a task that waits for room nothing but the request is known.
func TestLoadQueued(t *testing.T) {
	r := scene{command: train, unended: true}.load(t, false)
	if len(r.Attempts) != 0 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
	for _, f := range Formats {
		render(t, r, f, Options{})
	}
}

func TestCleanTail(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"one\ntwo\n":                             "one\ntwo",
		"\x1b[1;31mred\x1b[0m\tend":              "red\tend",
		"\x1b]0;title\x07text\x1b[2K":            "text",
		"10 %\r20 %\r\nnext\r":                   "20 %\nnext",
		"nul\x00, bell\x07, \xff":                "nul\uFFFD, bell\uFFFD, \uFFFD",
		"evil\u202etxt":                          "evil\uFFFDtxt",
		strings.Repeat("x\n", 3*tailLines) + "y": strings.Repeat("x\n", tailLines-1) + "y",
	} {
		if diff := cmp.Diff(want, cleanTail(in)); diff != "" {
			t.Errorf("%q:\n%s", in, diff)
		}
	}
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got, err := logTail(path); got != "" || err != nil {
		t.Errorf("no log: %q, %v", got, err)
	}
	line := "2026-11-03T09:30:00Z stdout F " + strings.Repeat("x", 70) + "\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := logTail(path)
	if lines := strings.Split(strings.TrimSpace(got), "\n"); err != nil || len(lines) < 100 || lines[0] != strings.Repeat("x", 70) {
		t.Errorf("%d bytes that begin with %.80q, %v", len(got), got, err)
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{"a/b.HTML": HTML, "x.htm": HTML, "x.json": JSON, "x.csv": CSV, "x.txt": Text, "x": "", "x.pdf": ""} {
		if got := FormatOf(path); got != want {
			t.Errorf("%s is %q", path, got)
		}
	}
	if _, err := ParseFormat("pdf"); err == nil {
		t.Error("pdf is a format")
	}
}
