// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drydock/sandbox"
)

// row are n devices d0, d1, …
func row(n int) []sandbox.Device {
	var all []sandbox.Device
	for i := range n {
		all = append(all, device(fmt.Sprintf("d%d", i)))
	}
	return all
}

func names(devices []sandbox.Device) string {
	var all []string
	for _, d := range devices {
		all = append(all, d.ID)
	}
	return strings.Join(all, " ")
}

func TestChoose(t *testing.T) {
	runs := [][]int{{0, 1}, {2, 3}, {1, 2}} // aligned ones first
	last := func(taken func(sandbox.Device) bool) ([]sandbox.Device, string) {
		for _, d := range slices.Backward(row(4)) {
			if !taken(d) {
				return []sandbox.Device{d}, ""
			}
		}
		return nil, "the moon"
	}
	for name, tc := range map[string]struct {
		taken   []sandbox.Device
		choices []Choice
		want    string // "!" and what it waits for, where there is none
	}{
		"all or none":              {row(3), []Choice{{Count: 2, Of: row(4), What: "A100"}}, "!needs 2 × A100, 1 free"},
		"the first":                {row(1), []Choice{{Count: 2, Of: row(4)}}, "d1 d2"},
		"one choice after another": {nil, []Choice{{Count: 1, Of: row(4)}, {Count: 2, Of: row(4)}}, "d0 d1 d2"},
		"or nothing":               {nil, []Choice{{Count: 3, Of: row(4)}, {Count: 2, Of: row(4)}}, "!needs 2 of d0, d1, d2, d3, 1 free"},
		"a set":                    {nil, []Choice{{Count: 2, Of: row(4), Sets: runs}}, "d0 d1"},
		"the next set":             {row(1), []Choice{{Count: 2, Of: row(4), Sets: runs}}, "d2 d3"},
		"no set, though free":      {[]sandbox.Device{device("d1"), device("d2")}, []Choice{{Count: 2, Of: row(4), Sets: runs, What: "Trn1"}}, "!needs 2 × Trn1, 2 free"},
		"what is picked":           {row(1), []Choice{{Count: 1, Of: row(4), Pick: last}}, "d3"},
		"what is picked, though others do not know of it": {row(1), []Choice{{Count: 1, Of: row(1), Pick: last}}, "d3"},
		"nothing is picked": {row(4), []Choice{{Count: 1, Of: row(4), Pick: last}}, "!the moon"},
	} {
		t.Run(name, func(t *testing.T) {
			picked, short := choose(tc.taken, tc.choices)
			got := names(picked)
			if short != nil {
				got = "!" + short.waits
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Who waits for a stranger keeps nobody out, however long he waits.
func TestStrangersHoldNobodyUp(t *testing.T) {
	blocked := Demand{Amounts: memory(15), Devices: []Choice{{Count: 1, Of: row(1), Pick: func(func(sandbox.Device) bool) ([]sandbox.Device, string) {
		return nil, "a stranger"
	}}}}
	held := blocked
	held.Devices = []Choice{{Count: 1, Of: row(1)}}
	for name, tc := range map[string]struct {
		first   Demand
		holders []Holder
		starts  bool
	}{
		"a stranger has it":     {blocked, nil, true},
		"one of ours has it":    {held, []Holder{{Holds: sandbox.Holds{Devices: row(1)}}}, false},
		"one of ours, it seems": {blocked, []Holder{{Holds: sandbox.Holds{Devices: row(1)}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			queue := []Ticket{{ID: "a", Demand: tc.first, Capacity: memory(20)}, {ID: "b", Since: time.Hour, Demand: Demand{Amounts: memory(10)}, Capacity: memory(20)}}
			turns := walk(tc.holders, queue, time.Hour, func(Ticket) bool { return false })
			if turns[0].start || turns[1].start != tc.starts {
				t.Errorf("%+v", turns)
			}
		})
	}
}

// A task that is lent waits for others, and the processes on its devices stay.
func TestDevicesAreNotLent(t *testing.T) {
	l := NewLocal(memory(4))
	wants := Demand{Amounts: memory(4), Devices: []Choice{{Count: 1, Of: row(1)}}}
	mine, err := l.Take(t.Context(), Request{ID: "a", Demand: wants}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	mine.Lend()
	if taken := l.Taken(); taken.Memory != 0 || names(taken.Devices) != "d0" {
		t.Errorf("%+v is taken", taken)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	told := ""
	if c, err := l.Take(ctx, Request{ID: "b", Demand: wants}, func(s string) { told = s; cancel() }); err == nil {
		t.Errorf("somebody else has %v", c.Holds.Devices)
	}
	if want := "waiting for accelerator: needs 1 of d0, 0 free, held by a"; told != want {
		t.Errorf("told %q, want %q", told, want)
	}
}

// Two want the one device at the same time, a thousand times: one gets it, the
// other waits for it and gets the same.
func TestRaceForOneDevice(t *testing.T) {
	race(t, NewLocal(memory(4)))
}

func race(t *testing.T, desk interface {
	Take(ctx context.Context, r Request, tell func(string)) (*Claim, error)
}) {
	for round := range 1000 {
		var holders atomic.Int32
		var racing sync.WaitGroup
		for n := range 2 {
			racing.Go(func() {
				c, err := desk.Take(t.Context(), Request{ID: testID(2*round + n), Attempt: 1,
					Demand: Demand{Devices: []Choice{{Count: 1, Of: row(1)}}}}, quiet)
				if err != nil {
					t.Error(err)
					return
				}
				if now := holders.Add(1); now != 1 || names(c.Holds.Devices) != "d0" {
					t.Errorf("round %d: %d hold it, one has %v", round, now, c.Holds.Devices)
				}
				holders.Add(-1)
				c.Release()
			})
		}
		racing.Wait()
	}
}

// A pair of two devices gets in, though single ones come for ever; and nobody
// ever holds a device while he waits for another.
func TestPairsDoNotStarve(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			l := NewLocal(memory(4))
			take := func(id string, count int) *Claim {
				c, err := l.Take(t.Context(), Request{ID: id, Demand: Demand{Devices: []Choice{{Count: count, Of: row(2)}}}}, quiet)
				if err != nil {
					t.Error(err)
					return &Claim{}
				}
				if len(c.Holds.Devices) != count {
					t.Errorf("%s asked for %d and has %v", id, count, c.Holds.Devices)
				}
				return c
			}
			const longest = 20 * time.Second
			var ended atomic.Bool
			var all sync.WaitGroup
			for n := range 5 { // one of them always waits
				pauses := rand.New(rand.NewPCG(seed, uint64(n)))
				all.Go(func() {
					for i := 0; !ended.Load(); i++ {
						c := take(fmt.Sprint("single ", n, " ", i), 1)
						time.Sleep(time.Duration(1 + pauses.Int64N(int64(longest))))
						c.Release()
					}
				})
			}
			for range 5 {
				time.Sleep(time.Duration(rng.Int64N(int64(longest))))
				began := time.Now()
				take("pair", 2).Release()
				// Of the three that may have come before it two are in when both
				// devices were free once, and the third the next time. By then, and
				// when it has grown old, nobody else comes, and those that run end.
				if waited := time.Since(began); waited > max(patience, 2*longest)+longest {
					t.Errorf("seed %d: the pair waited %v", seed, waited)
				}
			}
			ended.Store(true)
			all.Wait()
		})
	}
}
