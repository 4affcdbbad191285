// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

func writeSecret(t testing.TB, dir, name, value string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(value), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	writeSecret(t, dir, "plain", "one\n", 0o600)
	writeSecret(t, dir, "team/api-key", "two", 0o400)
	writeSecret(t, dir, "open", "x", 0o644)
	writeSecret(t, dir, "nul", "a\x00b", 0o600)
	writeSecret(t, dir, "long", strings.Repeat("x", maxSecret+1), 0o600)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	const asEnv, asFile = core.Secret_ENV_VAR, core.Secret_FILE
	for _, tc := range []struct {
		name    string
		secret  *core.Secret
		env     map[string]string
		mount   string   // its target
		refused []string // words
	}{
		{name: "env", secret: &core.Secret{Key: "plain", MountRequirement: asEnv, EnvVar: "P"}, env: map[string]string{"P": "one"}},
		{name: "default name", secret: &core.Secret{Group: "team", Key: "api-key"}, env: map[string]string{"TEAM_API_KEY": "two"}},
		{name: "file", secret: &core.Secret{Group: "team", Key: "api-key", MountRequirement: asFile}, mount: secretsPath + "/team/api-key"},
		{name: "long file", secret: &core.Secret{Key: "long", MountRequirement: asFile}, mount: secretsPath + "/long"},
		{name: "missing", secret: &core.Secret{Group: "g", Key: "k", MountRequirement: asEnv, EnvVar: "E"}, refused: []string{"g/k", filepath.Join(dir, "g/k"), "chmod 600"}},
		{name: "readable by all", secret: &core.Secret{Key: "open", EnvVar: "E"}, refused: []string{"chmod 600 " + filepath.Join(dir, "open")}},
		{name: "directory", secret: &core.Secret{Key: "team", EnvVar: "E"}, refused: []string{"no ordinary file"}},
		{name: "NUL", secret: &core.Secret{Key: "nul", EnvVar: "E"}, refused: []string{"as a file"}},
		{name: "too long", secret: &core.Secret{Key: "long", EnvVar: "E"}, refused: []string{"as a file"}},
		{name: "link outside", secret: &core.Secret{Key: "out", EnvVar: "E"}, refused: []string{"cannot be read"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, nil, func(c *Config) { c.SecretsDir = dir })
			env, mounts, err := b.secrets("t", &core.SecurityContext{Secrets: []*core.Secret{tc.secret}})
			if tc.refused != nil {
				refused(t, err, codeSecret, tc.refused...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.env == nil {
				tc.env = map[string]string{}
			}
			diff(t, tc.env, env)
			var want []sandbox.Mount
			if tc.mount != "" {
				want = []sandbox.Mount{{Source: filepath.Join(dir, strings.TrimPrefix(tc.mount, secretsPath)), Target: tc.mount, ReadOnly: true}}
			}
			diff(t, want, mounts)
		})
	}
	for _, s := range []*core.Secret{{Key: ".."}, {Group: "../x", Key: "k"}, {Key: ""}, {Key: "a/b"}} {
		if _, err := secretName(s); err == nil {
			t.Errorf("%v is taken for a name", s)
		}
	}
	none := newBench(t, nil, nil)
	_, _, err := none.secrets("t", &core.SecurityContext{Secrets: []*core.Secret{{Key: "k", EnvVar: "E"}}})
	refused(t, err, codeSecret, "secret k")
}
