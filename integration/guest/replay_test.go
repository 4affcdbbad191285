// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"slices"
	"strings"
	"testing"

	"drydock/integration/guest/wire"
)

// said is what a test binary prints with -test.v=test2json.
const said = "\x16=== RUN   TestA\n" +
	"\x16=== RUN   TestA/one\n" +
	"\x16=== PAUSE TestA/one\n" +
	"\x16=== RUN   TestA/two/half\n" +
	"    a_test.go:7: there is a moon\n" +
	"\x16--- PASS: TestA/two/half (0.00s)\n" +
	"\x16=== CONT  TestA/one\n" +
	"\x16--- PASS: TestA/one (0.25s)\n" +
	"\x16--- PASS: TestA (0.50s)\n" +
	"\x16=== RUN   TestB\n" +
	"\x16--- PASS: TestB (0.00s)\n" +
	"\x16=== NAME  \n" +
	"\x16PASS\n"

func TestReplay(t *testing.T) {
	s := newStream()
	go func() {
		for part := range strings.SplitAfterSeq(said, "\n") {
			s.write([]byte(part))
		}
		s.end(wire.End{})
	}()
	replay(t, s)
}

func TestEventsFindTheirTests(t *testing.T) {
	var ts tests
	for _, e := range []event{
		{Action: "run", Test: "TestA"},
		{Action: "run", Test: "TestA/one"},
		{Action: "run", Test: "TestA/two/half"}, // the slash is the name's own
		{Action: "output", Test: "TestA/two/half", Output: "    a_test.go:7: wrong\n"},
		{Action: "fail", Test: "TestA/two/half", Elapsed: 1.5},
		{Action: "run", Test: "TestB"},
	} {
		ts.event(e)
	}
	ts.close()
	for name, want := range map[string][]string{"": {"TestA", "TestB"}, "TestA": {"TestA/one", "TestA/two/half"}, "TestB": nil} {
		if got := ts.node(name).begun; !slices.Equal(got, want) {
			t.Errorf("%q has the subtests %q, want %q", name, got, want)
		}
	}
	if n := ts.node("TestA/two/half"); n.result != "fail" || n.took != 1.5 || n.output.String() != "    a_test.go:7: wrong\n" {
		t.Errorf("the failed one is %q after %v with %q", n.result, n.took, n.output.String())
	}
	if n := ts.node("TestA/one"); n.result != "" || !n.closed {
		t.Errorf("one that never ended is %q, closed %v", n.result, n.closed)
	}
}
