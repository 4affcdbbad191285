// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/internal/fidelity"
)

var update = flag.Bool("update", false, "write docs/fidelity.md")

const pageFile = "../../docs/fidelity.md"

// docs/fidelity.md is written from what was measured and recorded.
func TestGoldenPage(t *testing.T) {
	recorded, err := fidelity.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	got := fidelity.Page(recorded)
	if *update {
		if err := os.WriteFile(pageFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatalf("%v (make docs writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("it is not current (make docs); -file +program:\n%s", diff)
	}
}

// What is recorded was as expected, and is in the form in which it is written.
func TestRecorded(t *testing.T) {
	recorded, err := fidelity.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	for backend, r := range recorded {
		if r.Backend != backend {
			t.Errorf("%s.json is of %s", backend, r.Backend)
		}
		for _, b := range fidelity.Behaviours() {
			got, tried := r.Facts[b.ID]
			if !tried {
				if r.Skipped[b.ID] == "" && fidelity.NotTried[b.ID] == "" {
					t.Errorf("%s lacks %s; record it again", backend, b.ID)
				}
				continue
			}
			for _, d := range fidelity.Compare(b, r.On(), got) {
				if d.Reason == nil {
					t.Errorf("%s, %s: %v", backend, b.ID, d)
				}
			}
		}
		kept, err := os.ReadFile("results/" + backend + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := r.Encode(); err != nil || !bytes.Equal(kept, again) {
			t.Errorf("%s.json is not as it would be written (%v)", backend, err)
		}
	}
}
