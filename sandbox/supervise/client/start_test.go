// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// What lies on disk must not hold the values of the environment.
func TestSpecFileHasNoSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := writeSpec(sandbox.Spec{Dir: dir, Env: []string{"TOKEN=secret", "EMPTY=", "ODD"}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "secret") {
		t.Errorf("spec.json holds the value:\n%s", data)
	}
	var back sandbox.Spec
	if err := json.Unmarshal(data, &back); err != nil || !slices.Equal(back.Env, []string{"TOKEN", "EMPTY", "ODD"}) {
		t.Errorf("names = %v, %v", back.Env, err)
	}
}

// A supervisor that cannot begin says why, and nothing was started: that is
// told as a start error, and kept. One of an older release, which knows other
// words, says it in its own log only.
func TestRefusedSupervisor(t *testing.T) {
	const words = "drydock speaks version 4 of the shim contract and this drydock-shim version 3; install both from one release"
	for name, script := range map[string]string{
		"by its socket": `echo '{"fatal":"` + words + `"}' >&3; exit 125`,
		"by its log":    `echo 'supervisor: ` + words + `' >&2; echo more >&2; exit 125`,
	} {
		t.Run(name, func(t *testing.T) {
			a, spec := left(t)
			r, err := a.Start(Supervisor{Spec: spec, Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Config: 1}, sandbox.Streams{})
			if err != nil {
				t.Fatal(err)
			}
			for range r.Events() {
			}
			o, err := r.Wait()
			want := sandbox.StartError{Reason: sandbox.StartRuntime, Remedy: "install both from one release",
				Message: "drydock speaks version 4 of the shim contract and this drydock-shim version 3"}
			if err != nil || o.StartError == nil || *o.StartError != want {
				t.Errorf("%+v, %v", o.StartError, err)
			}
			if kept, err := wire.ReadOutcome(spec.Dir); err != nil || kept.StartError == nil || *kept.StartError != want {
				t.Errorf("kept: %+v, %v", kept.StartError, err)
			}
			if names, err := a.Leases.Names(); err != nil || len(names) > 0 {
				t.Errorf("leases are left: %q, %v", names, err)
			}
		})
	}
}

// A supervisor that was killed between its last two steps has told its facts;
// what it had still to remove, the one who started it does.
func TestKilledOnTheWayOut(t *testing.T) {
	a, spec := left(t)
	cleaned := make(chan string, 1)
	clean := a.Clean
	a.Clean = func(name string, l Lease) error { cleaned <- name; return clean(name, l) }
	script := `echo '{"version":1,"sandbox":"native","exit":{"code":3}}' >"$0/outcome.json"; kill -9 $$`
	r, err := a.Start(Supervisor{Spec: spec, Path: "/bin/sh", Argv: []string{"sh", "-c", script, spec.Dir}, Config: 1}, sandbox.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	for range r.Events() {
	}
	if o, err := r.Wait(); err != nil || o.Exit == nil || o.Exit.Code != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	if len(cleaned) != 1 || <-cleaned != Name(spec) {
		t.Error("nobody cleaned up")
	}
	if names, err := a.Leases.Names(); err != nil || len(names) > 0 {
		t.Errorf("leases are left: %q, %v", names, err)
	}
}
