// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpect(t *testing.T) {
	const sum = `"cab1e0a8fa4e4e0b3ab5e2f9ed0e1ba5f4f0a9bb7ec2a4b2ac8fd0e1a2b3c4d5"`
	for _, tc := range []struct{ name, expect, want string }{
		{"list is any", `{"verdict":["oom","failed"]}`, ""},
		{"list without it", `{"verdict":["oom","timeout"]}`, "verdict is"},
		{"absent signal", `{"signal":"SIGKILL"}`, "signal is <nil>"},
		{"oom field", `{"oom":{"main":true,"limit":[64,65]}}`, ""},
		{"oom differs", `{"oom":{"main":false}}`, "oom.main is true"},
		{"hint", `{"hints":["(?i)A HINT"]}`, ""},
		{"hint in the message", `{"hints":["task failed"]}`, ""},
		{"every hint", `{"hints":["hint","other"]}`, "no hint matches"},
		{"no hint", `{"no_hints":["hint"]}`, "a hint matches"},
		{"message", `{"message":"task fai+led"}`, ""},
		{"message on stderr", `{"message":"speaks"}`, ""},
		{"no message", `{"message":"silence"}`, "message: nothing matches"},
		{"stdout", `{"stdout":"out\n"}`, ""},
		{"stdout differs", `{"stdout":"out"}`, "stdout is"},
		{"stdout pattern", `{"stdout_re":"^o"}`, ""},
		{"stderr pattern", `{"stderr_re":"."}`, "stderr_re: nothing"},
		{"bytes and lines", `{"stdout_bytes":4,"stdout_lines":1}`, ""},
		{"bytes differ", `{"stdout_bytes":5}`, "stdout_bytes is 4"},
		{"sum differs", `{"stdout_sha256":` + sum + `}`, "stdout_sha256 is"},
		{"peak", `{"peak":[2,2]}`, ""},
		{"peak outside", `{"peak":[3,4]}`, "memory_peak is 2.0 MiB"},
		{"file", `{"cwd":{"made":"here","sub/none":null}}`, ""},
		{"file differs", `{"cwd":{"made":["a","b"]}}`, "cwd made is"},
		{"file is there", `{"cwd":{"made":null}}`, "cwd made is"},
		{"host", `{"host_absent":["/no/such/file"]}`, ""},
		{"host has it", `{"host_absent":["{cwd}/made"]}`, "exists on the host"},
		{"size", `{"rss_mb":500}`, ""},
		{"size above", `{"rss_mb":0.01}`, "rss_mb is"},
		{"one of", `{"one_of":[{"verdict":"oom"},{"verdict":"failed","code":"Error"}],"code":"X"}`, ""},
		{"two alternatives", `{"one_of":[{"verdict":"failed"}],"code":"X"}`, "code is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script := `printf here > made; echo drydock speaks >&2; lines; sleep 0.05; exit 3`
			report := fake(t, script).Run(scenario(t, `{"expect":`+tc.expect+`}`))
			wantProblem(t, report, tc.want)
		})
	}
}

func TestPreferIsNotCounted(t *testing.T) {
	report := fake(t, "lines; exit 3").Run(scenario(t, `{"prefer":{"no_hints":["hint"]}}`))
	wantProblem(t, report, "")
	if len(report.Wishes) != 1 {
		t.Errorf("want one wish, got %q", report.Wishes)
	}
}

func TestBinaryOutputLine(t *testing.T) {
	script := `echo '{"type":"output","time":"2026-01-02T03:04:05Z","stream":"stderr","bytes":"/wA="}'; lines; exit 3`
	report := fake(t, script).Run(scenario(t, `{"expect":{"stderr_re":"(?s)^.\\x00$"}}`))
	wantProblem(t, report, "")
}

func TestLoadRefuses(t *testing.T) {
	for _, tc := range []struct{ name, document, want string }{
		{"version", `{"version":2,"scenarios":[]}`, "version 2"},
		{"key", `{"version":1,"scenarios":[{"id":"a","cmd":["x"],"expect":{"exit":0},"typo":1}]}`, "typo"},
		{"expectation", `{"version":1,"scenarios":[{"id":"a","cmd":["x"],"expect":{"exitt":0}}]}`, "exitt"},
		{"nothing expected", `{"version":1,"scenarios":[{"id":"a","cmd":["x"]}]}`, "required"},
		{"twice", `{"version":1,"scenarios":[{"id":"a","cmd":["x"],"expect":{"exit":0}},{"id":"a","cmd":["x"],"expect":{"exit":0}}]}`, "twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "scenarios.json"), []byte(tc.document), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
		})
	}
}

// The committed zoo must be complete: what a scenario names must be there.
func TestCommittedZoo(t *testing.T) {
	dir := filepath.Join("..", "testdata", "zoo")
	all, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 80 {
		t.Errorf("only %d scenarios", len(all))
	}
	for _, s := range all {
		for _, name := range append(s.Files, s.Build...) {
			if strings.HasPrefix(name, "pip/") {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, "files", name)); err != nil {
				t.Errorf("%s: %v", s.ID, err)
			}
		}
		if !json.Valid(s.raw) {
			t.Errorf("%s: lost its text", s.ID)
		}
	}
}
