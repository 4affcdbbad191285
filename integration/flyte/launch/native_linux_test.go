// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/launch/python"
	"drydock/internal/need"
	"drydock/sandbox/native"
)

// shim takes the supervisor from DRYDOCK_BIN, or builds it.
func shim(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		return filepath.Join(bin, "drydock-shim")
	}
	path := filepath.Join(t.TempDir(), "drydock-shim")
	cmd := exec.Command("go", "build", "-tags", "netgo osusergo seccomp runc_nocriu", "-ldflags", "-s -w -extldflags -static",
		"-o", path, "drydock/sandbox/native/shim")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build drydock-shim: %v\n%s", err, output)
	}
	return path
}

// fakeA0 stands in for the SDK's program: a shell script that looks around and
// does what its first argument says.
const fakeA0 = `#!/bin/sh
case "$1" in
look)
	echo "in $(pwd), home $HOME, action $ACTION_NAME of $RUN_NAME, secret $TOKEN and $(cat /etc/flyte/secrets/cert)"
	echo "a0 is $(command -v a0), inherited [$DRYDOCK_TEST_INHERITED]"
	echo x >file && echo "the working directory is writable"
	[ -n "$(ls "$2" 2>/dev/null)" ] || echo "$2 is not seen"
	touch "$0.x" 2>/dev/null || echo "the environment is read-only"
	shift 2; echo "arguments $*"
	exit 3 ;;
succeed) exit 0 ;;
grow) tail /dev/zero; echo "went on with $?"; exit 0 ;;
sleep) sleep 60 ;;
esac
`

// The native sandbox runs a program of an environment below /tmp, which it
// would not see by itself.
func TestNative(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	t.Setenv("DRYDOCK_TEST_INHERITED", "yes")
	box, err := native.New(native.Config{Shim: shim(t), LeaseDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(t.TempDir(), "venv")
	writeSecret(t, env, "bin/a0", fakeA0, 0o755)
	// Not below /tmp, which no task sees anyway.
	secrets, err := os.MkdirTemp("/var/tmp", "drydock-secrets-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(secrets) })
	writeSecret(t, secrets, "token", "T", 0o600)
	writeSecret(t, secrets, "cert", "C", 0o600)
	b := newBench(t, box, func(c *Config) {
		c.SecretsDir, c.Grace = secrets, 200*time.Millisecond
		c.Python = func() (python.Python, error) {
			return python.Python{Executable: filepath.Join(env, "bin/python3"), A0: filepath.Join(env, "bin/a0"), Prefix: env, BasePrefix: "/usr", Version: "3.11.7", SDK: "2.12.1"}, nil
		}
	})

	t.Run("look around", func(t *testing.T) {
		spec := taskOf("a0", "look", secrets, "{{.outputPrefix}}")
		spec.TaskTemplate.SecurityContext = &core.SecurityContext{Secrets: []*core.Secret{
			{Key: "token", MountRequirement: core.Secret_ENV_VAR, EnvVar: "TOKEN"}, {Key: "cert", MountRequirement: core.Secret_FILE},
		}}
		o := order(t, spec)
		all := observe(&o)
		end := b.Launch(t.Context(), o)
		if end.Error.GetCode() != codeError || end.Retry != engine.RetryUser {
			t.Fatalf("got %+v", end)
		}
		for _, line := range []string{
			"exit code 3",
			"in /tmp/flyte, home /tmp/flyte, action a0 of r1, secret T and C\n",
			"a0 is " + env + "/bin/a0, inherited []\n",
			"the working directory is writable\n",
			secrets + " is not seen\n",
			"the environment is read-only\n",
			"arguments s3://drydock/runs/p/d/r1/a0/1",
		} {
			if !strings.Contains(end.Error.Message, line) {
				t.Errorf("the message lacks %q:\n%s", line, end.Error.Message)
			}
		}
		if got := strings.Join(phases(*all), " "); got != "INITIALIZING RUNNING" {
			t.Errorf("phases %s", got)
		}
	})

	t.Run("succeed", func(t *testing.T) {
		if end := b.Launch(t.Context(), order(t, taskOf("a0", "succeed"))); end.Phase != succeeded {
			t.Errorf("got %+v", end)
		}
	})

	t.Run("out of memory in a child", func(t *testing.T) {
		end := b.Launch(t.Context(), order(t, withResources(taskOf("a0", "grow"), true, "MEMORY", "64Mi")))
		if end.Error.GetCode() != codeOOM || end.Error.GetKind() != user {
			t.Fatalf("got %+v", end)
		}
		for _, word := range []string{"tail", "64 MiB", "the one that was asked for", `.override(resources=flyte.Resources(memory="128Mi"))`} {
			if !strings.Contains(end.Error.Message, word) {
				t.Errorf("%q does not say %q", end.Error.Message, word)
			}
		}
	})

	t.Run("timeout", func(t *testing.T) {
		o := order(t, taskOf("a0", "sleep"))
		o.Timeout = 300 * time.Millisecond
		if end := b.Launch(t.Context(), o); end.Phase != timedOut || end.Error.GetCode() != codeMaxRuntime {
			t.Errorf("got %+v", end)
		}
	})
}
