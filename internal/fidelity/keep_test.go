// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"drydock/internal/fidelity"
)

var from = flag.String("from", "", "log of the tests from which to keep results")

// TestKeep keeps the results that a log of integration/e2e/fidelity holds; it
// does nothing by itself. See scripts/fidelity.
func TestKeep(t *testing.T) {
	if *from == "" {
		return
	}
	log, err := os.ReadFile(*from)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for line := range strings.Lines(string(log)) {
		_, result, ok := strings.Cut(line, fidelity.RecordMark)
		if !ok {
			continue
		}
		r, err := fidelity.Decode([]byte(result))
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.Encode()
		if err == nil {
			err = os.WriteFile("results/"+r.Backend+".json", text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if kept == 0 {
		t.Error("the log holds no result: run the tests with -test.v -fidelity.record=-")
	}
}
