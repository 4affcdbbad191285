// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/internal/provide"
)

// runc is a runc to compare with, and what it is to run.
type runc struct{ name, path, bundle string }

// runcs are runc as drydock runs a task, and without a seccomp filter, as `runc
// spec` has it: this machine's own, if it has one, and the version whose
// library drydock is made with. Newer ones take more care of paths that a
// container may change meanwhile, and so more time.
func runcs(b *testing.B) []runc {
	b.Helper()
	version, path := currentRunc(b)
	var list []runc
	add := func(name, path string) {
		list = append(list, runc{name + "+seccomp", path, runcBundle(b, path, true)}, runc{name, path, runcBundle(b, path, false)})
	}
	add("runc-"+version, path)
	if path, err := exec.LookPath("runc"); err == nil {
		add("runc", path)
	} else {
		b.Log("this machine has no runc of its own: not compared with")
	}
	return list
}

// currentRunc is runc of the version that go.mod names, built when first asked for.
func currentRunc(b *testing.B) (version, path string) {
	b.Helper()
	const module = "github.com/opencontainers/runc"
	version, err := provide.Output(b.Context(), "", "go", "list", "-m", "-f", "{{.Version}}", module)
	if err != nil {
		b.Fatal(err)
	}
	version = strings.TrimSpace(version)
	dir, err := provide.Dir(b.Context(), "runc", []string{version, goruntime.Version()}, func(ctx context.Context, dir string) error {
		_, err := provide.OutputEnv(ctx, "", []string{"GOBIN=" + dir}, "go", "install", "-trimpath", "-tags", "seccomp netgo osusergo", module+"@"+version)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimPrefix(version, "v"), filepath.Join(dir, "runc")
}

// benchRootfs is a root file system that holds the hog program alone.
func benchRootfs(b *testing.B) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "rootfs")
	content, err := os.ReadFile(hog(b))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "hog"), content, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

// runcBundle is what `runc spec` makes, with the namespaces and the limits that
// drydock uses too: the host's network, 64 MiB, one CPU. profiled adds moby's
// seccomp profile, which drydock always has.
func runcBundle(b *testing.B, runc string, profiled bool) string {
	b.Helper()
	bundle := filepath.Dir(benchRootfs(b))
	spec := exec.Command(runc, "spec")
	spec.Dir = bundle
	if text, err := spec.CombinedOutput(); err != nil {
		b.Fatalf("runc spec: %v %s", err, text)
	}
	file := filepath.Join(bundle, "config.json")
	content, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(content, &config); err != nil {
		b.Fatal(err)
	}
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/hog", "exit", "0"}
	linux := config["linux"].(map[string]any)
	linux["resources"] = map[string]any{
		"memory": map[string]any{"limit": 64 << 20, "swap": 64 << 20},
		"cpu":    map[string]any{"shares": 1024, "quota": 100_000, "period": 100_000},
		"pids":   map[string]any{"limit": 32768},
	}
	linux["namespaces"] = []any{
		map[string]any{"type": "pid"}, map[string]any{"type": "mount"},
		map[string]any{"type": "ipc"}, map[string]any{"type": "uts"},
	}
	if profiled {
		linux["seccomp"] = mobyProfile(b, content)
	}
	if content, err = json.Marshal(config); err == nil {
		err = os.WriteFile(file, content, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	return bundle
}

func mobyProfile(b *testing.B, config []byte) *specs.LinuxSeccomp {
	b.Helper()
	var spec specs.Spec
	err := json.Unmarshal(config, &spec)
	if err == nil {
		var profile *specs.LinuxSeccomp
		if profile, err = seccomp.GetDefaultProfile(&spec); err == nil {
			return profile
		}
	}
	b.Fatal(err)
	return nil
}
