// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"drydock/resources"
)

// Whatever the machine and whoever holds what: what is picked is as much as
// was asked, each once, free, of nobody else's, and never a whole beside its part.
func TestPickRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := []string{"A100-40", "A100-80", "H100", "4090", "T4"}
	requests := []resources.Device{gpus(1), gpus(2), gpus(3), want("A100", 1), want("A100", 2), want("T4", 1), want("H100", 2),
		want("H100", 1, "1g.10gb"), want("H100", 3, "1g.10gb")}
	edits := []func(*Device){display, xid79, stranger, migOff, mig("1g.10gb", 3), mig(), pending, func(*Device) {}}
	picks := 0
	for range 5000 {
		var devices []Device
		for range 1 + r.IntN(6) {
			devices = append(devices, card(kinds[r.IntN(len(kinds))], edits[r.IntN(len(edits))]))
		}
		inv := here(devices...)
		asked := requests[r.IntN(len(requests))]
		m, err := Find(inv, asked, policy(substitute([]string{"exact", "compatible", "any"}[r.IntN(3)]), strategy([]string{"mixed", "single"}[r.IntN(2)])))
		if err != nil {
			continue
		}
		taken := map[ID]bool{}
		for _, d := range inv.Devices {
			for _, id := range d.IDs() {
				taken[id] = r.IntN(4) == 0
			}
		}
		picked, waits := m.Pick(func(id ID) bool { return taken[id] })
		if (picked == nil) == (waits == "") {
			t.Fatalf("%v of %+v: picked %v, waits %q", asked, inv, picked, waits)
		}
		if picked == nil {
			continue
		}
		picks++
		if len(picked) != m.Count {
			t.Fatalf("%v of %+v: picked %v", asked, inv, picked)
		}
		for i, c := range picked {
			others := slices.Concat(picked[:i], picked[i+1:])
			if taken[c.ID] || slices.ContainsFunc(c.Excludes, func(id ID) bool { return taken[id] }) || c.Busy != "" ||
				slices.ContainsFunc(others, func(o Choice) bool { return o.ID == c.ID || slices.Contains(c.Excludes, o.ID) }) {
				t.Fatalf("%v of %+v with %v taken: picked %+v", asked, inv, taken, picked)
			}
		}
	}
	if picks < 500 {
		t.Errorf("only %d of 5000 rounds came to a pick", picks)
	}
}

func FuzzParseProfile(f *testing.F) {
	for _, seed := range []string{"1g.10gb", "1c.3g.40gb+me.all", "7g.80gb-me", "g"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := ParseProfile(s)
		if !ok {
			return
		}
		if q, ok := ParseProfile(p.String()); !ok || q != p {
			t.Errorf("%q is %+v, written %s, which is %+v", s, p, p, q)
		}
	})
}

func BenchmarkPickHalfOf16(b *testing.B) {
	var devices []Device
	for range 16 {
		devices = append(devices, card("H100"))
	}
	m, err := Find(nvlinked(here(devices...), 0, 1, 2, 3, 4, 5), gpus(8), policy())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Pick(func(ID) bool { return false })
	}
}

func BenchmarkPick4Of8(b *testing.B) {
	var devices []Device
	for range 8 {
		devices = append(devices, card("H100"))
	}
	m, err := Find(nvlinked(here(devices...), 0, 1, 2, 3, 4, 5), gpus(4), policy())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Pick(func(ID) bool { return false })
	}
}
