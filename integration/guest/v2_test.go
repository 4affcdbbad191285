// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"drydock/integration/e2e/zoo"
	"drydock/internal/need"
	"drydock/sandbox/sandboxtest"
)

var (
	runFlag  = flag.String("guest.run", "", "which tests to run in the guest, as -test.run")
	soakFlag = flag.Bool("guest.soak", false, "all tests, with full counts of what is repeated")
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

// Pure cgroup v2, with every controller in the root's hands.
func TestV2(t *testing.T) {
	t.Parallel()
	native := Tests{Name: "native", Package: "drydock/sandbox/native",
		Run:  "^Test(Conformance$|AdoptOutOfMemory|AdoptAndStop|AdoptShimKilled|OrphanedOutput|Lease|HostileLeases)",
		Args: []string{"-sandboxtest.rounds=1", "-sandboxtest.repeats=10"}}
	e2e := Tests{Name: "e2e", Package: "drydock/integration/e2e",
		Run:  "^Test(Zoo|Machine|DrydockKilled|ShimKilled|OOMRetry)",
		Args: []string{"-zoo.dir=zoo", "-zoo.ready=zoo-ready", "-zoo.kinds=oom,shm,signal,hostile"}}
	if *soakFlag {
		native.Run, native.Args = "", []string{"-sandboxtest.rounds=10", "-sandboxtest.repeats=200"}
		e2e.Run, e2e.Args = "", e2e.Args[:2]
	}
	m := Machine{Swap: 256, Files: programs(t), Tests: []Tests{native, e2e}}
	addZoo(t, m.Files)
	m.Run(t, *runFlag)
}

// What a real kubelet's node did, done here: the facts that depend on the
// version of cgroups. scripts/fidelity guest runs all.
func TestV2Fidelity(t *testing.T) {
	t.Parallel()
	fidelity := Tests{Name: "fidelity", Package: "drydock/integration/e2e/fidelity",
		Run:  "^TestFidelity$/^truth$/^(oom-.*|single-.*|allocatable|pagecache|shm-auto|hugetlb|eph-layer|info)$",
		Args: []string{"-fidelity.record=-"}}
	if *soakFlag {
		fidelity.Run = ""
	}
	Machine{Files: programs(t), Tests: []Tests{fidelity}}.Run(t, *runFlag)
}

// programs are drydock's two and the conformance suite's.
func programs(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	bin := binaries(t)
	return map[string]string{
		"bin/hog":          sandboxtest.BuildHog(t, dir),
		"bin/drydock":      filepath.Join(bin, "drydock"),
		"bin/drydock-shim": filepath.Join(bin, "drydock-shim"),
	}
}

// addZoo adds the zoo and its programs, which the guest cannot compile.
func addZoo(t *testing.T, files map[string]string) {
	t.Helper()
	dir := filepath.Join("..", "e2e", "testdata", "zoo")
	scenarios, err := zoo.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	ready := t.TempDir()
	builder := zoo.Builder{Dir: t.TempDir()}
	if err := builder.Export(dir, ready, scenarios); err != nil {
		t.Fatal(err)
	}
	files["zoo"], files["zoo-ready"] = dir, ready
}

// A machine whose systemd owns the cgroups, as most workstations are.
func TestSystemd(t *testing.T) {
	t.Parallel()
	Machine{Systemd: true, Files: programs(t), Tests: []Tests{
		{Name: "inside", Package: "drydock/integration/guest/inside"},
		{Name: "native", Package: "drydock/sandbox/native",
			Run:  "^TestConformance$/^(C1|C3|C4|C6.*|D4.*|D11|D12|nothing-left|devices-.*held)$",
			Args: []string{"-sandboxtest.repeats=3"}},
		{Name: "e2e", Package: "drydock/integration/e2e", Run: "^Test(DrydockKilled|ShimKilled|MachineBudget)$"},
	}}.Run(t, *runFlag)
}
