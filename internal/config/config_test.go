// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The strongest origin wins: flag, environment, file, default.
func TestPrecedence(t *testing.T) {
	home := t.TempDir()
	file := write(t, home, ".config/drydock/config.yaml", "grace: 5s\nnetwork: none\n")
	vars := map[string]string{"HOME": home}
	load := func(flags map[string]string) *Settings {
		t.Helper()
		s, err := Load(Inputs{Flags: flags, Env: env(vars)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	check := func(s *Settings, key, text, origin string) {
		t.Helper()
		if v := s.Get(key); v.Text != text || v.Origin.String() != origin {
			t.Errorf("%s is %q from %s, want %q from %s", key, v.Text, v.Origin, text, origin)
		}
	}
	s := load(nil)
	check(s, "grace", "5s", file+":1")
	check(s, "network", "none", file+":2")
	check(s, "sandbox", "auto", "default")
	check(s, "state_dir", filepath.Join(home, ".local/state/drydock"), "default")
	vars["DRYDOCK_GRACE"] = "6s"
	check(load(nil), "grace", "6s", "DRYDOCK_GRACE")
	check(load(map[string]string{"grace": "7s"}), "grace", "7s", "--grace")
	vars["DRYDOCK_GRACE"] = "" // empty: as if it were not set
	check(load(nil), "grace", "5s", file+":1")
}

// What takes KEY=VALUE pairs takes a mapping, too.
func TestPairs(t *testing.T) {
	for text, want := range map[string]string{
		"node: {cpu: 8, memory: 32Gi, gpu: \"A100:2\"}": "cpu=8,memory=32Gi,gpu=A100:2",
		"node: cpu=8,memory=32Gi":                       "cpu=8,memory=32Gi",
		"node: {cpus: 8}":                               "config.yaml:1: node \"cpus=8\": \"cpus\" is not known; accepted: cpu=N",
		"node: {cpu: [8]}":                              "config.yaml:1: node: cpu takes one value",
		"grace: {cpu: 8}":                               "config.yaml:1: grace takes one value",
	} {
		home := t.TempDir()
		write(t, home, ".config/drydock/config.yaml", text+"\n")
		s, err := Load(Inputs{Env: env(map[string]string{"HOME": home})})
		got := ""
		if err == nil {
			got = s.Get("node").Text
		} else {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "sub/config.yaml", "profile: prod.yaml\nstate_dir: state\n")
	s, err := Load(Inputs{Env: env(nil), File: file})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Get("profile").Text, filepath.Join(dir, "sub/prod.yaml"); got != want {
		t.Errorf("profile is %s, want %s: relative to its file", got, want)
	}
	root := StandardPaths(true, env(map[string]string{"XDG_CONFIG_HOME": "/elsewhere"}))
	if root != (Paths{Config: "/etc/drydock", State: "/var/lib/drydock"}) {
		t.Errorf("root's places are %+v", root)
	}
	user := StandardPaths(false, env(map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "relative"}))
	if user != (Paths{Config: "/home/u/.config/drydock", State: "/s/drydock"}) {
		t.Errorf("a user's places are %+v", user)
	}
}

// A cluster.yaml beside config.yaml is the profile without being named.
func TestProfileBesideConfig(t *testing.T) {
	home := t.TempDir()
	file := write(t, home, ".config/drydock/cluster.yaml", "")
	s, err := Load(Inputs{Env: env(map[string]string{"HOME": home})})
	if err != nil || s.Get("profile").Text != file {
		t.Errorf("profile is %q, %v; want %s", s.Get("profile").Text, err, file)
	}
}

func TestMistakes(t *testing.T) {
	for _, tc := range []struct{ name, text, says string }{
		{"unknown", "grase: 5s", `:1: there is no setting "grase"; known: sandbox, network`},
		{"twice", "grace: 5s\ngrace: 6s", ":2: grace is set twice"},
		{"list", "grace: [5s]", ":1: grace takes one value"},
		{"nothing", "grace:", ":1: grace takes one value"},
		{"not a mapping", "- grace", ":1: settings are lines of key: value"},
		{"word", "network: bridges", `:1: network "bridges": accepted: auto, host, none, bridge`},
		{"duration", "\ngrace: soon", `:2: grace "soon": "soon" is not a time`},
		{"retry", "oom_retry: 1x", "memory must grow"},
		{"sandbox", "sandbox: podman", "accepted: auto, native, docker"},
		{"broken", "{[", "did not find"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(Inputs{Env: env(nil), File: write(t, t.TempDir(), "config.yaml", tc.text)})
			if err == nil || !strings.Contains(err.Error(), "config.yaml") || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want … %s", err, tc.says)
			}
		})
	}
	_, err := Load(Inputs{Env: env(nil), File: "/no/such/file"})
	var e *FileError
	if !errors.As(err, &e) {
		t.Errorf("a missing file is %v", err)
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if _, err := Load(Inputs{Env: env(nil), File: write(t, t.TempDir(), "config.yaml", text)}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("grace: 5s\n# comment\nnetwork: none\n"))
	f.Add([]byte("{grace: &a 5s, network: *a}"))
	f.Add([]byte("<<: {grace: 5s}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := Parse("config.yaml", data)
		var e *FileError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
		for key, v := range values {
			if key != v.Key || keyOf(key) == nil || v.Origin.Line < 1 {
				t.Fatalf("%q: %+v", key, v)
			}
		}
	})
}
