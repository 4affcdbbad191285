// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/launch/python"
	"drydock/sandbox"
)

// What the executor is given for what the SDK really sends.
func TestPlanOfRecordedTasks(t *testing.T) {
	secrets := t.TempDir()
	writeSecret(t, secrets, "team/token", "s3cr3t\n", 0o600)
	writeSecret(t, secrets, "cert", "CERT", 0o600)
	b := newBench(t, nil, func(c *Config) { c.SecretsDir = secrets })
	for _, name := range []string{"hello.createrun", "pickle.createrun", "child.enqueue", "actor.deploytask", "secrets.deploytask"} {
		t.Run(name, func(t *testing.T) {
			o := recordedOrder(t, name)
			o.Timeout = 90 * time.Second
			p, err := b.plan(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !p.python || !p.task.CleanEnv {
				t.Error("not a Python task with a clean environment")
			}
			golden(t, name+".txt", strings.ReplaceAll(planText(p), secrets, "SECRETS"))
		})
	}
}

func planText(p plan) string {
	var out strings.Builder
	section := func(name string, lines ...string) {
		fmt.Fprintf(&out, "[%s]\n", name)
		for _, line := range lines {
			fmt.Fprintln(&out, line)
		}
	}
	t := p.task
	section("task", t.Name, t.Resources.Python(), "scratch "+t.Scratch, "timeout "+t.Timeout.String(), "grace "+t.Grace.String())
	section("command", t.Command...)
	var env []string
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		env = append(env, name+"="+t.Env[name])
	}
	section("environment", env...)
	var mounts []string
	for _, m := range t.Mounts {
		mounts = append(mounts, fmt.Sprintf("%s -> %s read-only=%t", m.Source, m.Target, m.ReadOnly))
	}
	section("mounts", mounts...)
	section("notes", p.notes...)
	return out.String()
}

func TestRawContainerIsRefused(t *testing.T) {
	b := newBench(t, nil, nil)
	_, err := b.plan(t.Context(), recordedOrder(t, "raw.deploytask"))
	refused(t, err, codeBadTask, "ContainerTask", "image")
	if err := b.Check(recordedOrder(t, "raw.deploytask").Action.Task.Spec); err == nil {
		t.Error("Check lets it pass")
	}
}

func TestCheckType(t *testing.T) {
	container := &core.TaskTemplate_Container{Container: &core.Container{Image: "i", Args: []string{"a0"}}}
	for _, tc := range []struct {
		typ    string
		target any
		words  string // of the refusal; "": runs
	}{
		{"python", container, ""},
		{"container", container, ""},
		{"actor", container, ""},
		{"", container, ""},
		{"spark", container, `"spark"`},
		{"clustered", container, `"clustered"`},
		{"raw-container", container, "image i"},
		{"python", nil, "no container"},
	} {
		t.Run(tc.typ, func(t *testing.T) {
			tt := &core.TaskTemplate{Type: tc.typ}
			if c, ok := tc.target.(*core.TaskTemplate_Container); ok {
				tt.Target = c
			}
			err := newBench(t, nil, nil).checkType(tt)
			if tc.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, codeBadTask, tc.words)
		})
	}
}

func TestEnvironPrecedence(t *testing.T) {
	b := newBench(t, nil, nil)
	spec := taskOf("a0")
	spec.TaskTemplate.GetContainer().Env = pairs("A", "task", "B", "task", "PYTHONUNBUFFERED", "0", "PATH", "/opt/x:/bin",
		"ACTION_NAME", "mine", "NO_PROXY", "corp", "HOME", "/elsewhere", "FLYTE_AUTH_TYPE", "Pkce", "", "nameless", "X=Y", "odd")
	o := order(t, spec)
	o.Run.Spec = &task.RunSpec{Envs: &task.Envs{Values: pairs("B", "run", "C", "run", "_U_EP_OVERRIDE", "evil:1", "EAGER_API_KEY", "k")}}
	o.Retry = 2
	env, notes := b.environ(o, containerTarget(spec.TaskTemplate.GetContainer()), venv, map[string]string{"C": "secret"}, "/tmp/flyte")
	for name, want := range map[string]string{
		"A": "task", "B": "run", "C": "secret", "PYTHONUNBUFFERED": "0", "PATH": "/srv/venv/bin:/opt/x:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin",
		"ACTION_NAME": "a0", "_U_EP_OVERRIDE": "127.0.0.1:8090", "NO_PROXY": "corp," + loopback, "no_proxy": "corp," + loopback,
		"HOME": "/elsewhere", "LANG": "C.UTF-8", "FLYTE_ATTEMPT_NUMBER": "2", "FLYTE_AWS_SECRET_ACCESS_KEY": "secret-r1",
	} {
		if env[name] != want {
			t.Errorf("%s=%q, want %q", name, env[name], want)
		}
	}
	for _, name := range append([]string{"", "X=Y"}, forbidden...) {
		if _, ok := env[name]; ok {
			t.Errorf("%q is set", name)
		}
	}
	if len(notes) != 2 {
		t.Errorf("notes %q, want one for each variable that was taken out", notes)
	}
}

func pairs(words ...string) []*core.KeyValuePair {
	var all []*core.KeyValuePair
	for i := 0; i < len(words); i += 2 {
		all = append(all, &core.KeyValuePair{Key: words[i], Value: words[i+1]})
	}
	return all
}

func TestUnreadableResources(t *testing.T) {
	b := newBench(t, nil, nil)
	_, err := b.plan(t.Context(), order(t, withResources(taskOf("a0"), false, "MEMORY", "lots")))
	refused(t, err, codeBadTask, "env.work", "lots")
}

func TestTarIsNeeded(t *testing.T) {
	bin := t.TempDir()
	env := map[string]string{"PATH": bin}
	refused(t, checkPrograms("t", []string{"a0", "--tgz", "x"}, env), codeProgram, "tar", bin)
	for _, command := range [][]string{{"a0", "--pkl", "x"}, {"other", "--tgz", "x"}} {
		if err := checkPrograms("t", command, env); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "tar"), []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkPrograms("t", []string{"/v/bin/a0", "--tgz", "x"}, env); err != nil {
		t.Error(err)
	}
}

func TestNotesOfDoubt(t *testing.T) {
	b := newBench(t, nil, func(c *Config) {
		c.Python = func() (python.Python, error) { p := venv; p.SDK, p.Version = "2.6.5", "3.12.1"; return p, nil }
	})
	o := recordedOrder(t, "pickle.createrun")
	o.Run.Spec.RawDataStorage = &task.RawDataStorage{RawDataPrefix: "s3://mine/x/"}
	p, err := b.plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(p.notes, "\n")
	for _, word := range []string{"flyte 2.12.1", "2.6.5", "pickled by Python 3.11", "s3://mine/x/", "is not used: tasks run on this machine's own root file system with Python 3.12.1"} {
		if !strings.Contains(all, word) {
			t.Errorf("no note says %q:\n%s", word, all)
		}
	}
	if !slices.Contains(p.task.Command, "s3://mine/x/r1-a0-1") {
		t.Errorf("the raw data prefix is not the user's: %q", p.task.Command)
	}
}

func TestWorkDirAvoidsMounts(t *testing.T) {
	for _, tc := range []struct {
		mounts []string
		want   string
	}{
		{nil, "/tmp/flyte"},
		{[]string{"/tmp/fv", "/srv"}, "/tmp/flyte"},
		{[]string{"/tmp/flyte"}, "/tmp/flyte-2"},
		{[]string{"/tmp/flyte/venv", "/tmp/flyte-2"}, "/tmp/flyte-3"},
	} {
		var mounts []sandbox.Mount
		for _, m := range tc.mounts {
			mounts = append(mounts, sandbox.Mount{Target: m})
		}
		if got := workDir(mounts); got != tc.want {
			t.Errorf("workDir(%q) = %s, want %s", tc.mounts, got, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	b := newBench(t, nil, nil)
	for _, tc := range []struct {
		version string
		refused bool
	}{{"2.12.1", false}, {"2.12.7", false}, {"", false}, {"2.13.0", true}, {"2.6.5", true}} {
		spec := taskOf("a0")
		spec.TaskTemplate.Metadata = &core.TaskMetadata{Runtime: &core.RuntimeMetadata{Type: core.RuntimeMetadata_FLYTE_SDK, Version: tc.version}}
		err := b.Check(spec)
		if (err != nil) != tc.refused {
			t.Errorf("Check of flyte %q: %v", tc.version, err)
		}
	}
	lost := newBench(t, nil, func(c *Config) {
		c.Python = func() (python.Python, error) { return python.Python{}, fmt.Errorf("no Python") }
	})
	if err := lost.Check(taskOf("a0")); err == nil || !strings.Contains(err.Error(), "no Python") {
		t.Errorf("Check without a Python: %v", err)
	}
	_, err := lost.plan(t.Context(), order(t, taskOf("a0")))
	refused(t, err, codePython, "no Python")
}

func TestNewWantsItsConfig(t *testing.T) {
	full := newBench(t, nil, nil).c
	for _, change := range []func(*Config){
		func(c *Config) { c.Executor = nil }, func(c *Config) { c.Objects = nil }, func(c *Config) { c.Python = nil },
		func(c *Config) { c.Credentials = nil }, func(c *Config) { c.APIEndpoint = "" }, func(c *Config) { c.S3Endpoint = "" },
	} {
		c := full
		change(&c)
		if _, err := New(c); err == nil {
			t.Error("New takes an incomplete Config")
		}
	}
}

var _ Executor = (*executor.Executor)(nil)
var _ engine.Launcher = (*Launcher)(nil)
