// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"testing"

	"drydock/internal/fidelity"
	"drydock/sandbox/sandboxtest"
)

// cases do what was done on the kubelet, by id.
var cases = map[string]func(t *testing.T, l *lab) fidelity.Facts{}

func register(more map[string]func(t *testing.T, l *lab) fidelity.Facts) struct{} {
	for id, do := range more {
		cases[id] = do
	}
	return struct{}{}
}

// Nothing happens here otherwise than on a real kubelet, but what is named.
func TestFidelity(t *testing.T) {
	l := newLab(t)
	result := fidelity.Result{
		Backend: l.Name, Cgroup: l.Cgroup,
		Facts: map[string]fidelity.Facts{}, Skipped: map[string]string{},
	}
	whole := true
	for _, b := range fidelity.Behaviours() {
		do := cases[b.ID]
		if do == nil {
			continue // TestComplete tells which may be
		}
		ran := t.Run("truth/"+b.ID, func(t *testing.T) {
			got := do(t, l)
			result.Facts[b.ID] = got
			compare(t, b, l.Backend, got)
		})
		whole = whole && ran && result.Facts[b.ID] != nil
	}
	if !whole {
		t.Log("not all was tried, or not all as expected: nothing is recorded")
		return
	}
	if err := record(result); err != nil {
		t.Error(err)
	}
}

func compare(t *testing.T, b fidelity.Behaviour, on fidelity.Backend, got fidelity.Facts) {
	t.Helper()
	for _, d := range fidelity.Compare(b, on, got) {
		if d.Reason == nil {
			t.Error(d)
		}
	}
	for _, fact := range fidelity.Missing(b, on, got) {
		t.Errorf("%s is as the kubelet has it now; take it out of fidelity.Differences", fact)
	}
}

// Every behaviour is tried, or has a reason not to be; what stands for it
// elsewhere exists.
func TestComplete(t *testing.T) {
	known := map[string]bool{}
	for _, name := range sandboxtest.CaseNames() {
		known[name] = true
	}
	for _, b := range fidelity.Behaviours() {
		tried, why := cases[b.ID] != nil, fidelity.NotTried[b.ID]
		if tried == (why != "") {
			t.Errorf("%s: tried %v, reason not to be: %q", b.ID, tried, why)
		}
		for _, name := range fidelity.Also[b.ID] {
			if !known[name] {
				t.Errorf("%s: there is no conformance case %s", b.ID, name)
			}
		}
	}
	for id := range cases {
		if _, ok := fidelity.ByID(id); !ok {
			t.Errorf("the kubelet was not asked for %s", id)
		}
	}
}
