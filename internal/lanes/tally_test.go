// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: needs root\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":1.2}
{"ImportPath":"q","Action":"build-output","Output":"q.go:1: undefined: x\n"}
{"ImportPath":"q","Action":"build-fail"}
{"Action":"fail","Package":"q","Elapsed":0,"FailedBuild":"q"}
{"Action":"output","Package":"r","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"r","Elapsed":600}
{"Action":"pass","Package":"s","Elapsed":0.5}
not json
`

func TestFollow(t *testing.T) {
	var out strings.Builder
	tally, err := follow(strings.NewReader(events), &out)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tally.line(), "1 passed, 3 failed, 1 skipped"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := tally.whySkipped(), "skipped 1: needs root\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"--- FAIL p TestC\n    c_test.go:9: wrong\n", "undefined: x", "panic: test timed out", "ok   s (0.5 s)", "not json"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "=== RUN") {
		t.Error("the output of a passing test is shown")
	}
}
