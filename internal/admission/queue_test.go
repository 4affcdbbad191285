// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/sandbox"
)

func memory(gib int64) sandbox.Amounts { return sandbox.Amounts{Memory: gib << 30} }

func device(id string, excludes ...string) sandbox.Device {
	return sandbox.Device{ID: id, Excludes: excludes}
}

// A made-up card with two parts.
var (
	whole = device("gpu0", "gpu0/a", "gpu0/b")
	partA = device("gpu0/a")
	partB = device("gpu0/b")
	other = device("gpu1")
)

func TestWalk(t *testing.T) {
	holds := func(gib int64, since time.Duration, devices ...sandbox.Device) Holder {
		return Holder{ID: "H", Since: since, Holds: sandbox.Holds{Amounts: memory(gib), Devices: devices}}
	}
	asks := func(id string, gib int64, since time.Duration, of ...sandbox.Device) Ticket {
		d := Demand{Amounts: memory(gib)}
		if len(of) > 0 {
			d.Devices = []Choice{{Count: 1, Of: of}}
		}
		return Ticket{ID: id, Since: since, Demand: d, Capacity: memory(20)}
	}
	const old, young, now = time.Second, 59 * time.Second, 60 * time.Second
	lentOut := holds(20, 0)
	lentOut.Lent = true
	elsewhere := asks("elsewhere", 6, young)
	elsewhere.Capacity = memory(4)
	for name, tc := range map[string]struct {
		holders []Holder
		queue   []Ticket
		want    string // who starts
	}{
		"an idle machine":                              {nil, []Ticket{asks("a", 20, young)}, "a"},
		"in order while it fits":                       {nil, []Ticket{asks("a", 8, young), asks("b", 8, young), asks("c", 8, young)}, "a b"},
		"what the first will take is not there":        {nil, []Ticket{asks("a", 15, young), asks("b", 6, young)}, "a"},
		"a small one passes a young large one":         {[]Holder{holds(10, 0)}, []Ticket{asks("a", 12, young), asks("b", 10, young)}, "b"},
		"an old one is passed by who fits beside":      {[]Holder{holds(10, 0)}, []Ticket{asks("a", 12, old), asks("b", 8, young)}, "b"},
		"and not by who does not":                      {[]Holder{holds(10, 0)}, []Ticket{asks("a", 12, old), asks("b", 9, young)}, ""},
		"those who passed before count":                {[]Holder{holds(10, 0), holds(4, young)}, []Ticket{asks("a", 12, old), asks("b", 5, young)}, ""},
		"and those who pass now":                       {[]Holder{holds(10, 0)}, []Ticket{asks("a", 12, old), asks("b", 5, young), asks("c", 4, young)}, "b"},
		"the executor's end does not make one earlier": {[]Holder{holds(10, sinceUnknown)}, []Ticket{asks("a", 12, old), asks("b", 1, young)}, ""},
		"two old ones":                                 {[]Holder{holds(10, 0)}, []Ticket{asks("a", 12, old), asks("b", 15, old), asks("c", 6, young), asks("d", 5, young)}, "d"},
		"what is lent is free":                         {[]Holder{lentOut}, []Ticket{asks("a", 20, young)}, "a"},
		"nothing asked, too much taken":                {[]Holder{holds(30, 0)}, []Ticket{asks("a", 0, young)}, "a"},
		"a smaller view of the machine":                {[]Holder{holds(3, 0)}, []Ticket{elsewhere, asks("a", 6, young)}, "a"},
		"a device is one attempt's":                    {[]Holder{holds(1, 0, other)}, []Ticket{asks("a", 1, young, other)}, ""},
		"the next device":                              {[]Holder{holds(1, 0, other)}, []Ticket{asks("a", 1, young, other, whole)}, "a"},
		"a part keeps the whole":                       {[]Holder{holds(1, 0, partA)}, []Ticket{asks("a", 1, young, whole), asks("b", 1, young, partB)}, "b"},
		"the whole keeps its parts":                    {[]Holder{holds(1, 0, whole)}, []Ticket{asks("a", 1, young, partA), asks("b", 1, young, partB)}, ""},
		"a part is not taken from an old one":          {[]Holder{holds(1, 0, partA)}, []Ticket{asks("a", 1, old, whole), asks("b", 1, young, partB)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var start []string
			for i, at := range walk(tc.holders, tc.queue, now, func(Ticket) bool { return false }) {
				if at.start {
					start = append(start, tc.queue[i].ID)
				}
			}
			if got := strings.Join(start, " "); got != tc.want {
				t.Errorf("starts %q, want %q", got, tc.want)
			}
		})
	}
}

// Who could start and does not, as a stopped process, keeps nobody out.
func TestWalkPasses(t *testing.T) {
	queue := []Ticket{{ID: "a", Demand: Demand{Amounts: memory(20)}, Capacity: memory(20)},
		{ID: "b", Demand: Demand{Amounts: memory(20)}, Capacity: memory(20)}}
	turns := walk(nil, queue, 0, func(t Ticket) bool { return t.ID == "a" })
	if !turns[0].start || !turns[1].start {
		t.Errorf("%+v", turns)
	}
}

// Whatever comes, whoever waits gets in: the machine is simulated under a
// pressure of small tasks that would fill it for ever, and nobody may wait
// longer than those ahead and the longest task let him.
func TestNobodyStarves(t *testing.T) {
	const capacity, longest = 20, 40 * time.Second
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			var holders []Holder
			var ends []time.Duration
			var queue []Ticket
			// Every place ahead may cost one task's time, and the free
			// period one more.
			bound := patience + (window+2)*longest
			large := 0
			for now := time.Duration(1); now < 20*time.Minute; now += time.Second {
				for i := len(holders) - 1; i >= 0; i-- {
					if ends[i] <= now {
						holders, ends = slices.Delete(holders, i, i+1), slices.Delete(ends, i, i+1)
					}
				}
				for len(queue) < window {
					gib := 1 + rng.Int64N(4)
					if rng.IntN(20) == 0 {
						gib = 15 + rng.Int64N(6)
					}
					queue = append(queue, Ticket{ID: fmt.Sprint(now, len(queue)), Since: now, Demand: Demand{Amounts: memory(gib)}, Capacity: memory(capacity)})
				}
				var left []Ticket
				for i, at := range walk(holders, queue, now, func(Ticket) bool { return false }) {
					switch {
					case at.start:
						holders = append(holders, Holder{Since: now, Holds: at.holds})
						ends = append(ends, now+time.Second+time.Duration(rng.Int64N(int64(longest))))
						if queue[i].Demand.Memory > 10<<30 {
							large++
						}
					case now-queue[i].Since > bound:
						t.Fatalf("after %v %s still waits for %d GiB", now-queue[i].Since, queue[i].ID, queue[i].Demand.Memory>>30)
					default:
						left = append(left, queue[i])
					}
				}
				queue = left
				if taken := takenSince(holders, -1); taken.Memory > capacity<<30 {
					t.Fatalf("%d GiB of %d are taken", taken.Memory>>30, capacity)
				}
			}
			if large == 0 {
				t.Error("no large task ever started")
			}
		})
	}
}

func TestNever(t *testing.T) {
	capacity := sandbox.Amounts{CPUMilli: 4000, Memory: 21 << 30, Pids: 100}
	for name, tc := range map[string]struct {
		demand Demand
		want   string
	}{
		"fits":             {Demand{Amounts: capacity}, ""},
		"memory":           {Demand{Amounts: memory(64)}, "asks for 64Gi memory, this machine allocates at most 21Gi"},
		"cpu":              {Demand{Amounts: sandbox.Amounts{CPUMilli: 4500}}, "asks for 4.5 cpu, this machine allocates at most 4"},
		"pids":             {Demand{Amounts: sandbox.Amounts{Pids: 101}}, "asks for 101 pids, this machine allocates at most 100"},
		"disk is not told": {Demand{Amounts: sandbox.Amounts{Disk: 1 << 50}}, ""},
		"devices":          {Demand{Devices: []Choice{{Count: 3, Of: []sandbox.Device{partA, other}}}}, "asks for 3 devices, this machine allocates at most 2"},
		"devices of two":   {Demand{Devices: []Choice{{Count: 1, Of: []sandbox.Device{other}}, {Count: 1, Of: []sandbox.Device{other}}}}, "asks for 1 devices, this machine allocates at most 1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := Never(capacity, tc.demand); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestReason(t *testing.T) {
	holders := []Holder{
		{ID: "A", Holds: sandbox.Holds{Amounts: memory(9)}},
		{ID: "B", Holds: sandbox.Holds{Amounts: sandbox.Amounts{CPUMilli: 3500, Memory: 8 << 30}, Devices: []sandbox.Device{whole}}},
		{ID: "C", Lent: true, Holds: sandbox.Holds{Amounts: memory(20)}},
	}
	capacity := sandbox.Amounts{CPUMilli: 4000, Memory: 21 << 30}
	old := Ticket{ID: "OLD", Demand: Demand{Amounts: memory(12)}, Capacity: capacity}
	for name, tc := range map[string]struct {
		queue []Ticket
		want  string
	}{
		"memory": {[]Ticket{{Demand: Demand{Amounts: memory(12)}, Capacity: capacity}},
			"waits for 12Gi of memory (free 4Gi of 21Gi); held by A, B"},
		"two kinds, behind others": {[]Ticket{old, {Demand: Demand{Amounts: sandbox.Amounts{CPUMilli: 1000, Memory: 5 << 30}}, Capacity: capacity}},
			"waits for 1 of cpu (free 0.5 of 4) and 5Gi of memory (free 4Gi of 21Gi); ahead: 1 task; held by A, B"},
		"devices": {[]Ticket{{Demand: Demand{Devices: []Choice{{Count: 1, Of: []sandbox.Device{partA}}}}, Capacity: capacity}},
			"waiting for accelerator: needs 1 of gpu0/a, 0 free, held by B"},
		"devices with a name, behind others": {[]Ticket{old, {Demand: Demand{Devices: []Choice{{Count: 2, What: "A100", Of: []sandbox.Device{whole, other}}}}, Capacity: capacity}},
			"waiting for accelerator: needs 2 × A100, 1 free, held by B; ahead: 1 task"},
		"a stranger": {[]Ticket{{Demand: Demand{Devices: []Choice{{Count: 1, Of: []sandbox.Device{other}, Pick: func(func(sandbox.Device) bool) ([]sandbox.Device, string) {
			return nil, "gpu1 in use by pid 4242 (uid 1001, python, 30.1 GiB)"
		}}}}, Capacity: capacity}},
			"waiting for accelerator: gpu1 in use by pid 4242 (uid 1001, python, 30.1 GiB)"},
		"must not pass": {[]Ticket{{ID: "OLD", Demand: Demand{Amounts: memory(13)}, Capacity: capacity}, {Demand: Demand{Amounts: memory(9)}, Capacity: sandbox.Amounts{Memory: 40 << 30}}},
			"waits behind OLD, which needs the room and has waited for 2m0s; ahead: 1 task"},
	} {
		t.Run(name, func(t *testing.T) {
			last, now := len(tc.queue)-1, 2*time.Minute
			turns := walk(holders, tc.queue, now, func(Ticket) bool { return false })
			if got := reason(tc.queue[last], turns[last], holders, last, now); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	for bytes, want := range map[int64]string{
		500: "500", 3 << 20: "3Mi", 970<<20 + 5: "970Mi", 21<<30 + 700<<20: "21Gi",
	} {
		if got := SizeText(bytes); got != want {
			t.Errorf("SizeText(%d) = %s, want %s", bytes, got, want)
		}
	}
	for milli, want := range map[int64]string{500: "0.5", 8000: "8", 1: "0.001"} {
		if got := CPUText(milli); got != want {
			t.Errorf("CPUText(%d) = %s, want %s", milli, got, want)
		}
	}
}
