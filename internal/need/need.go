// SPDX-License-Identifier: Apache-2.0

// Package need lets a test say what it needs of the machine: root, cgroups, a
// program, a container engine, the Flyte SDK. Where that is missing the test is skipped with
// the reason; where the facility was promised (DRYDOCK_REQUIRE) it fails.
//
// DRYDOCK_REQUIRE is "all" or a comma-separated list of facilities, for
// example "root,cgroups,java". Main prints at the end how many tests were
// skipped and why.
package need

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// RequireVariable names the environment variable that forbids skips.
const RequireVariable = "DRYDOCK_REQUIRE"

var skips = struct {
	sync.Mutex
	byReason map[string][]string // reason -> tests
}{byReason: map[string][]string{}}

// Skip skips t because facility is missing, or fails it where the facility
// was promised.
func Skip(t testing.TB, facility, reason string) {
	t.Helper()
	if Promised(facility) {
		t.Fatalf("%s is required here (%s): %s", facility, RequireVariable, reason)
	}
	Record(t.Name(), reason)
	t.Skip(reason)
}

// Gap skips t, and counts it, for a reason that no machine can mend: something
// is not built yet, or cannot be asked of what is under test. It is no failure
// even where everything is required.
func Gap(t testing.TB, reason string) {
	t.Helper()
	Record(t.Name(), reason)
	t.Skip(reason)
}

// Promised says whether a test may not be skipped for want of facility.
func Promised(facility string) bool {
	for word := range strings.SplitSeq(os.Getenv(RequireVariable), ",") {
		if word = strings.TrimSpace(word); word == "all" || word == facility {
			return true
		}
	}
	return false
}

// Record counts one skipped test for the summary.
func Record(test, reason string) {
	skips.Lock()
	defer skips.Unlock()
	skips.byReason[reason] = append(skips.byReason[reason], test)
}

// Main runs the tests of a package and prints the summary of skips. TestMain
// passes its result to os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	Summary(os.Stderr)
	return code
}

// Summary writes how many tests were skipped and why; nothing when none was.
func Summary(w io.Writer) {
	skips.Lock()
	defer skips.Unlock()
	total := 0
	for _, tests := range skips.byReason {
		total += len(tests)
	}
	if total == 0 {
		return
	}
	fmt.Fprintf(w, "skipped: %d tests (%s=all turns these into failures)\n", total, RequireVariable)
	for _, reason := range slices.Sorted(maps.Keys(skips.byReason)) {
		tests := skips.byReason[reason]
		fmt.Fprintf(w, "  %3d  %s (%s)\n", len(tests), reason, abridge(tests))
	}
}

func abridge(tests []string) string {
	const few = 3
	if len(tests) <= few {
		return strings.Join(tests, ", ")
	}
	return strings.Join(tests[:few], ", ") + ", …"
}
