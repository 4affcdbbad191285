// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"slices"
	"testing"
)

// Every behaviour is said in words, and every difference is about a fact that
// the kubelet told and drydock has otherwise.
func TestTruth(t *testing.T) {
	for _, b := range Behaviours() {
		if b.Situation == "" || b.Group == "" || b.V1 == nil && b.V2 == nil {
			t.Errorf("%s lacks a situation, a group or facts", b.ID)
		}
		if (b.Group == GroupPod) != (NotTried[b.ID] != "") {
			t.Errorf("%s is in group %s, and the reason not to try it is %q", b.ID, b.Group, NotTried[b.ID])
		}
	}
	for _, ids := range []map[string]bool{keys(NotTried), keys(Also)} {
		for id := range ids {
			if _, ok := ByID(id); !ok {
				t.Errorf("there is no behaviour %s", id)
			}
		}
	}
}

func keys[V any](m map[string]V) map[string]bool {
	all := map[string]bool{}
	for k := range m {
		all[k] = true
	}
	return all
}

func TestDifferences(t *testing.T) {
	used := map[*Reason]bool{}
	for _, d := range Differences {
		used[d.Reason] = true
		for _, name := range d.On {
			if !slices.Contains(Backends, name) {
				t.Errorf("there is no backend %s", name)
			}
		}
		for _, id := range d.IDs {
			b, ok := ByID(id)
			if !ok {
				t.Errorf("there is no behaviour %s", id)
				continue
			}
			for version, f := range map[int]Facts{1: b.V1, 2: b.V2} {
				if value, told := f[d.Fact]; told && (d.Cgroup == 0 || d.Cgroup == version) && slices.Contains(d.Got, value) {
					t.Errorf("%s, v%d: %s %q is the kubelet's own", id, version, d.Fact, value)
				}
			}
			if _, v1 := b.V1[d.Fact]; !v1 {
				if _, v2 := b.V2[d.Fact]; !v2 {
					t.Logf("%s: the kubelet told nothing of %s", id, d.Fact)
				}
			}
		}
	}
	for _, r := range reasons {
		if !used[r] {
			t.Errorf("no difference has the reason %q", r.Name)
		}
		delete(used, r)
	}
	for r := range used {
		t.Errorf("the reason %q is not on the page", r.Name)
	}
}

func TestCompare(t *testing.T) {
	b := Behaviour{ID: "x", V2: Facts{"exit": "0", "memory.max": "64"}}
	for _, tc := range []struct {
		name    string
		version int
		got     Facts
		want    []string
	}{
		{"same", 2, Facts{"exit": "0", "memory.max": "64", "more": "1"}, nil},
		{"other value", 2, Facts{"exit": "1", "memory.max": "64"}, []string{"exit"}},
		{"not seen", 2, Facts{"exit": "0"}, []string{"memory.max"}},
		{"other version", 1, Facts{"exit": "0"}, nil},
		{"other version, other value", 1, Facts{"exit": "1"}, []string{"exit"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, d := range Compare(b, Backend{"x", tc.version}, tc.got) {
				got = append(got, d.Fact)
				if d.Reason != nil {
					t.Errorf("%v has a reason", d)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
	if _, own := (Behaviour{V1: Facts{}, V2: Facts{}}).Kubelet(1); !own {
		t.Error("v1 was asked")
	}
}

// A difference that was mended is told, unless it is one of some machines.
func TestMissing(t *testing.T) {
	b := Behaviour{ID: "x", V2: Facts{"exit": "0", "phase": "Failed"}}
	before := Differences
	t.Cleanup(func() { Differences = before })
	Differences = []Difference{
		{IDs: []string{"x"}, Fact: "exit", Got: []string{"1"}, On: []string{"rootless"}},
		{IDs: []string{"x"}, Fact: "phase", Got: []string{"Succeeded"}, May: true},
	}
	for _, tc := range []struct {
		name string
		on   Backend
		exit string
		want []string
	}{
		{"still so", Backend{"rootless", 2}, "1", nil},
		{"mended", Backend{"rootless", 2}, "0", []string{"exit"}},
		{"another backend's", Backend{"native-v2", 2}, "0", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Missing(b, tc.on, Facts{"exit": tc.exit, "phase": "Failed"}); !slices.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}
