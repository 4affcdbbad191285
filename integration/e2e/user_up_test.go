// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/need"
)

// sdkVariable is the directory of an installed Flyte SDK: site-packages, its
// programs in bin, and a Flyte program, main.py.
const sdkVariable = "DRYDOCK_TEST_SDK"

// venv is a virtual environment with the SDK in it, for this machine's Python.
func venv(t testing.TB) (dir, program string) {
	t.Helper()
	sdk := os.Getenv(sdkVariable)
	if sdk == "" {
		need.Skip(t, "sdk", "needs the Flyte SDK in the guest (the package index, for this machine)")
	}
	dir = filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command("python3", "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		t.Fatalf("python3 -m venv: %v\n%s", err, out)
	}
	places, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	if err != nil || len(places) != 1 {
		t.Fatalf("site-packages: %v, %v", places, err)
	}
	if err := os.WriteFile(filepath.Join(places[0], "sdk.pth"), []byte(filepath.Join(sdk, "site-packages")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a0", "flyte"} {
		text, err := os.ReadFile(filepath.Join(sdk, "bin", name))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(text, []byte("\n")) // after the Python of another machine
		text = append([]byte("#!"+filepath.Join(dir, "bin", "python3")+"\n"), rest...)
		if err := os.WriteFile(filepath.Join(dir, "bin", name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, filepath.Join(sdk, "main.py")
}

// An ordinary user serves Flyte programs: an action of the real SDK's is ended
// at its limit with the cluster's verdict, and nothing is left at the end.
func TestUserUp(t *testing.T) {
	ordinaryUser(t)
	nothingLeft(t)
	python, program := venv(t)
	h := newHome(t)
	content, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.work(t), "main.py"), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.run(t, "up", "--native", "--detach", "--listen", "127.0.0.1:0", "--python", python).want(t, 0, "")
	down := func() result { return h.run(t, "down") }
	t.Cleanup(func() { down() }) // once more does no harm

	r := h.run(t, "flyte", "--python", python, "--", "run", "main.py", "train_model", "--mib", "700")
	r.want(t, 137, "")
	for _, words := range []string{"training with 700 MiB", "out of memory", "memory="} {
		if !strings.Contains(r.stdout+r.stderr, words) {
			t.Errorf("it does not say %q:\n%s%s", words, r.stdout, r.stderr)
		}
	}
	if s := h.run(t, "status", "--json"); s.exit != 0 || !strings.Contains(s.stdout, `"running":0`) {
		t.Errorf("status: exit %d\n%s%s", s.exit, s.stdout, s.stderr)
	}
	down().want(t, 0, "")
	if s := h.run(t, "status", "--json"); strings.Contains(s.stdout, `"endpoint"`) {
		t.Errorf("it is still up:\n%s", s.stdout)
	}
}
