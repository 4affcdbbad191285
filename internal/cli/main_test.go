// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

var update = flag.Bool("update", false, "write golden files and generated documentation")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"drydock": func() {
			w := Host(Build{Version: "1.2.3", Commit: "0123456789ab"})
			w.Self = func() (string, error) { return exec.LookPath(os.Args[0]) } // not this test's program
			if os.Getenv("FAKE_SANDBOX") != "" {
				w.Sandboxes = fakeSandboxes{}
			}
			os.Exit(Main(context.Background(), w))
		},
		"fakeflyte": fakeFlyte,
	})
}

// fakeSandboxes run hog words in memory (see sandboxtest.Fake).
type fakeSandboxes struct{}

func (fakeSandboxes) Native(Place) (sandbox.Sandbox, error) { return &sandboxtest.Fake{}, nil }

// Docker has the images whose name begins with "here" and can pull those that
// begin with "there".
func (fakeSandboxes) Docker(context.Context, Place) (sandbox.Sandbox, error) {
	if os.Getenv("FAKE_ENGINE") == "none" {
		return nil, &sandbox.UnsupportedError{What: "no container engine answers", Remedy: "start one, or set DOCKER_HOST"}
	}
	return fakeEngine{&sandboxtest.Fake{Edit: func(spec sandbox.Spec, o *sandbox.Outcome) error {
		o.Sandbox, o.Engine = "docker", "Fake Engine 1.0"
		o.Image = &sandbox.Image{Reference: spec.Image, ID: "sha256:0123"}
		if len(spec.Entrypoint) > 0 && o.StartError != nil {
			o.StartError.Message = spec.Entrypoint[0] + ": " + o.StartError.Message
		}
		if evidence := os.Getenv("FAKE_EVIDENCE"); evidence != "" && o.Counters.OOMKill > 0 {
			o.Victims, o.Memory.Peak = nil, 0
			o.Counters = &sandbox.Counters{Evidence: sandbox.Evidence(evidence), CgroupVersion: 2, OOMKill: 1}
		}
		return nil
	}}}, nil
}

type fakeEngine struct{ *sandboxtest.Fake }

func (fakeEngine) Prepare(_ context.Context, spec sandbox.Spec, progress func(sandbox.Progress)) (sandbox.Spec, error) {
	switch {
	case strings.ToLower(spec.Image) != spec.Image:
		return spec, &sandbox.ImageError{Image: spec.Image, Reason: sandbox.StartImageName,
			Message: "repository name must be lowercase", Remedy: "write it in lower case"}
	case strings.HasPrefix(spec.Image, "here"):
		return spec, nil
	case !strings.HasPrefix(spec.Image, "there") || spec.Pull == sandbox.PullNever:
		return spec, &sandbox.ImageError{Image: spec.Image, Reason: sandbox.StartImagePull,
			Message: "pull access denied, repository does not exist or may require 'docker login'", Remedy: "check the name"}
	}
	for done := int64(1); done <= 3; done++ {
		progress(sandbox.Progress{What: spec.Image, Done: done << 20, Total: 3 << 20})
	}
	return spec, nil
}

func (fakeSandboxes) Doctor(context.Context, Place) []Check {
	checks := []Check{
		{Name: "memory", State: sandbox.Enforced, Why: "memory.max", Essential: true},
		{Name: "group-kill", State: sandbox.Emulated, Why: "cgroup v1 has no memory.oom.group", Fix: "boot with cgroup v2"},
		{Name: "disk", State: sandbox.NotEnforced, Why: "not built yet"},
	}
	if os.Getenv("FAKE_SANDBOX") == "broken" {
		checks[0] = Check{Name: "memory", State: sandbox.NotEnforced, Why: "no memory controller", Fix: "boot with cgroup_enable=memory", Essential: true}
	}
	if os.Getenv("FAKE_ENGINE") == "none" {
		return append(checks, Check{Sandbox: "docker", Name: "engine", State: sandbox.NotEnforced, Essential: true,
			Why: "no container engine answers", Fix: "start one, or set DOCKER_HOST"})
	}
	return append(checks,
		Check{Sandbox: "docker", Name: "engine", State: sandbox.Enforced, Why: "Fake Engine 1.0", Essential: true},
		Check{Sandbox: "docker", Name: "memory", State: sandbox.Enforced, Essential: true})
}

func (fakeSandboxes) Clean(context.Context, Place) ([]string, error) {
	return []string{"attempt 1 of 01ARZ3NDEKTSV4RRFFQ69G5FAV"}, nil
}

// Scripts that run anywhere: the sandbox is sandboxtest's.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			venv := filepath.Join(env.WorkDir, ".own", "venv")
			if err := ownMachine(env, "FAKE_SANDBOX=yes", "VENV="+venv, "VIRTUAL_ENV="+venv); err != nil {
				return err
			}
			env.Defer(func() { endServers(env.WorkDir) })
			return fakeVenv(venv)
		},
	})
}

// Scripts that run real commands in real sandboxes.
func TestNative(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	shim, err := filepath.Abs("../../bin/drydock-shim")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(shim); err != nil {
		need.Skip(t, "shim", "needs bin/drydock-shim (make build)")
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/native",
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error { return ownMachine(env, "DRYDOCK_SHIM="+shim) },
	})
}

// ownMachine keeps a script away from this machine's state and settings.
func ownMachine(env *testscript.Env, more ...string) error {
	own := filepath.Join(env.WorkDir, ".own")
	if err := os.Mkdir(own, 0o755); err != nil {
		return err
	}
	config := filepath.Join(own, "config.yaml")
	if err := os.WriteFile(config, nil, 0o644); err != nil {
		return err
	}
	env.Vars = append(env.Vars,
		"DRYDOCK_STATE_DIR="+filepath.Join(own, "state"),
		"DRYDOCK_LEASE_DIR="+filepath.Join(own, "leases"),
		"DRYDOCK_CONFIG="+config, "OWN="+own,
	)
	env.Vars = append(env.Vars, more...)
	return nil
}

// exits is the script command "exits CODE program args…".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
