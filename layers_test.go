// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goPackage is what go list says about one package.
type goPackage struct {
	ImportPath   string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p goPackage) all() []string {
	return slices.Concat(p.Imports, p.TestImports, p.XTestImports)
}

// packages lists this module's, as they are built with the shim's tags.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags", "seccomp", "-json=ImportPath,Doc,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func below(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
}

// Imports go one way: what a row's packages may not know.
func TestLayers(t *testing.T) {
	rules := []struct {
		who []string
		not []string
		why string
	}{
		{[]string{"drydock/resources", "drydock/gpu"},
			[]string{"drydock/sandbox", "drydock/executor", "drydock/integration", "drydock/internal"},
			"what a task asks for knows nothing of how it runs"},
		{[]string{"drydock/sandbox"},
			[]string{"drydock/executor", "drydock/integration", "drydock/internal/cli", "drydock/internal/report"},
			"a sandbox reports facts and knows nothing of what they mean"},
		{[]string{"drydock/executor"},
			[]string{"drydock/integration", "drydock/internal/cli", "drydock/internal/report"},
			"the executor prints nothing and serves nobody in particular"},
	}
	for _, p := range packages(t) {
		for _, r := range rules {
			if !below(p.ImportPath, r.who...) {
				continue
			}
			for _, imported := range p.Imports {
				if below(imported, r.not...) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, r.why)
				}
			}
		}
	}
}

// Heavy dependencies are known to one package each, so that replacing one is
// a change to that package.
func TestLayersOfDependencies(t *testing.T) {
	alone := []struct{ dependency, owner string }{
		{"github.com/opencontainers/runc", "drydock/sandbox/native/shim"},
		{"github.com/containerd/cgroups", "drydock/sandbox/cgroup"},
		{"github.com/docker/docker", "drydock/sandbox/docker/engine"},
		{"github.com/docker/cli", "drydock/sandbox/docker/engine"},
		{"github.com/godbus/dbus", "drydock/sandbox/systemd"},
		{"github.com/urfave/cli", "drydock/internal/cli"},
		{"go.etcd.io/bbolt", "drydock/integration/flyte/book"},
		{"modernc.org/sqlite", "drydock/internal/history"},
		{"github.com/charmbracelet/bubbletea", "drydock/internal/top"},
		{"github.com/charmbracelet/lipgloss", "drydock/internal/top/dark"},
		{"github.com/johannesboyne/gofakes3", "drydock/integration/flyte/objects"},
		{"github.com/NVIDIA/go-nvml", "drydock/gpu/nvml"},
	}
	for _, p := range packages(t) {
		for _, imported := range p.all() {
			for _, rule := range alone {
				if below(imported, rule.dependency) && p.ImportPath != rule.owner {
					t.Errorf("%s imports %s, which is %s's alone", p.ImportPath, imported, rule.owner)
				}
			}
		}
	}
}

// Every package says what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		generated := below(p.ImportPath, "drydock/integration/flyte/flyteidl2") // commented in the .proto
		if p.Doc == "" && !generated && !strings.Contains(p.ImportPath, "/testdata/") {
			t.Errorf("package %s has no comment", p.ImportPath)
		}
	}
}
