// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/native"
	"drydock/sandbox/sandboxtest"
)

// Where NVIDIA's module says that its libraries may make device nodes, a task
// that holds a GPU of NVIDIA's reads that they may not. Another file of /proc's
// stands for the module's, which few machines have.
func TestNodesAreNotMade(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	const file = "/proc/version"
	native.StandForParams(t, file)
	host, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newSandbox(t, shim(t), t.TempDir())
	drivers := sandboxtest.NewDrivers(t)
	for class, want := range map[string]string{
		sandbox.ClassNVIDIA: string(host) + "ModifyDeviceFiles: 0\nno\n",
		"AMD_GPU":           string(host) + "no\n",
		"":                  string(host) + "no\n",
	} {
		spec := sandbox.Spec{
			ID: ulid.Make().String(), Attempt: 1, Dir: t.TempDir(), WorkDir: t.TempDir(), Network: sandbox.NetworkNone,
			Args:   []string{"/bin/sh", "-c", "cat " + file + "; (echo changed >" + file + ") 2>/dev/null || echo no"},
			Limits: sandbox.Limits{CPUShares: 1024, Memory: 64 << 20, ShmSize: 1 << 20, Pids: 64},
		}
		if class != "" {
			spec.Accelerators = &sandbox.Accelerators{Class: class, IDs: []string{"x"}, Nodes: drivers.Nodes[:1]}
		}
		if out := output(t, s, spec); out != want {
			t.Errorf("class %q: it read %q, want %q", class, out, want)
		}
		left, err := os.ReadDir(spec.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "nvidia") }) {
			t.Errorf("the copy was left in %v", left)
		}
	}
}

// output is what an attempt says until its end.
func output(t testing.TB, s sandbox.Sandbox, spec sandbox.Spec) string {
	t.Helper()
	var said bytes.Buffer
	running, err := s.Start(t.Context(), spec, sandbox.Streams{Stdout: &said})
	if err != nil {
		t.Fatal(err)
	}
	for range running.Events() { // drained, as the contract has it
	}
	if o, err := running.Wait(); err != nil || o.StartError != nil {
		t.Fatalf("%v, %+v", err, o.StartError)
	}
	return said.String()
}
