// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/integration/e2e/zoo"
	"drydock/internal/need"
)

var (
	zooDir = flag.String("zoo.dir", filepath.Join("testdata", "zoo"),
		"directory with the scenarios.json and files/ to run")
	zooKinds = flag.String("zoo.kinds", "", "only scenarios of these kinds, separated by commas")
	zooReady = flag.String("zoo.ready", "", "directory with the programs, built elsewhere")
	zooHome  = flag.Bool("zoo.machine", false,
		"use the machine's own state and lease directories instead of private ones")
	zooSettle = flag.Duration("zoo.settle", 2*time.Second,
		"how long something may outlive drydock before it counts as left behind")
)

// Programs with known ends must end as they are known to, say so in words and
// codes, and leave nothing behind. The contract is testdata/zoo/README.md.
func TestZoo(t *testing.T) {
	if testing.Short() {
		need.Gap(t, "-short")
	}
	scenarios, err := zoo.Load(*zooDir)
	if err != nil {
		t.Fatal(err)
	}
	need.Root(t)
	need.Cgroups(t)
	runner := newZooRunner(t)
	for _, s := range scenarios {
		if *zooKinds != "" && !slices.Contains(strings.Split(*zooKinds, ","), s.Kind) {
			continue
		}
		t.Run(s.ID, func(t *testing.T) { runScenario(t, runner, s) })
	}
}

func newZooRunner(t *testing.T) *zoo.Runner {
	t.Helper()
	builds := filepath.Join(shared.scratch, "zoo-build")
	if err := os.MkdirAll(builds, 0o755); err != nil {
		t.Fatal(err)
	}
	runner := &zoo.Runner{
		Dir:     *zooDir,
		Drydock: drydock(t),
		Builder: &zoo.Builder{Dir: builds, Ready: *zooReady},
		Settle:  *zooSettle,
	}
	if need.InGuest() {
		runner.Slow, runner.Settle = 5, 5*runner.Settle
	}
	if !*zooHome {
		runner.Env = newHome(t).env()
	}
	return runner
}

func runScenario(t *testing.T, runner *zoo.Runner, s zoo.Scenario) {
	report := runner.Run(s)
	if report.Missing != nil {
		need.Skip(t, report.Missing.Facility, report.Missing.Reason)
	}
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	for _, wish := range report.Wishes {
		t.Logf("wished for, not counted: %s", wish)
	}
	if t.Failed() {
		t.Logf("what it shows: %s", s.Why)
	}
	for _, note := range report.Notes {
		t.Log(note)
	}
}
