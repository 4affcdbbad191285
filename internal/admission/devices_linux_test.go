// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drydock/sandbox"
)

func TestRaceForOneDeviceOfTheMachine(t *testing.T) {
	m, err := NewMachine(leaseDir(t), memory(4))
	if err != nil {
		t.Fatal(err)
	}
	race(t, m)
}

// Cards with parts, of which either the whole or some parts are to be had, and
// a row that is had in runs.
var (
	cards     = []sandbox.Device{device("c0", "c0a", "c0b"), device("c1", "c1a", "c1b"), device("c2"), device("c3")}
	cardParts = []sandbox.Device{device("c0a", "c0"), device("c0b", "c0"), device("c1a", "c1"), device("c1b", "c1")}
)

// randomDevices wants nothing but devices, mostly several.
func randomDevices(rng *rand.Rand, n int) Request {
	d := Demand{Amounts: sandbox.Amounts{CPUMilli: 1, Memory: 1 << 20}}
	switch rng.IntN(4) {
	case 0, 1:
		d.Devices = []Choice{{Count: 1 + rng.IntN(4), Of: cards}}
	case 2:
		d.Devices = []Choice{{Count: 1 + rng.IntN(3), Of: cardParts}}
	case 3:
		d.Devices = []Choice{{Count: 2, Of: cards, Sets: [][]int{{0, 1}, {2, 3}, {1, 2}}}}
	}
	return Request{ID: testID(n), Attempt: 1, Demand: d}
}

// Processes contend for sets of devices, and are killed at any moment: the
// evidence that each lays down would clash where two had a device, or a card
// and a part of it.
func TestContendersForDevices(t *testing.T) {
	contest(t, 60, leaseDir(t), t.TempDir(), randomDevices, uint32(os.Geteuid()))
}

// The one device of the machine: its holder is killed, and whoever waited gets
// it when the holder's sandbox has ended, and not before.
func TestDeviceOfAKilledProcess(t *testing.T) {
	dir := leaseDir(t)
	asks := Demand{Amounts: memory(1), Devices: []Choice{{Count: 1, Of: row(1), What: "A100"}}}
	c := contender{Dir: dir, Evidence: t.TempDir(), Capacity: memory(8), Request: Request{ID: testID(1), Attempt: 1, Demand: asks}, Sandbox: true, Until: filepath.Join(t.TempDir(), "end")}
	cmd := c.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return exists(c.sandboxUp()) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	m, err := NewMachine(dir, memory(8))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	claim, err := m.Take(t.Context(), Request{ID: testID(2), Attempt: 1, Demand: asks}, func(s string) {
		told = append(told, s)
		c.endSandbox()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	if liveFiles(t, dir)[testID(1)+".1"] != nil {
		t.Error("it was given while the sandbox lived")
	}
	if want := "waiting for accelerator: needs 1 × A100, 0 free, held by " + testID(1); !slices.Contains(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if got := names(claim.Holds.Devices); got != "d0" {
		t.Error(fmt.Sprint("it got ", got))
	}
}

// A ticket that makes no sense is nobody's place in the queue.
func TestForeignChoices(t *testing.T) {
	for name, c := range map[string]Choice{
		"a place that is not there": {Count: 1, Of: row(1), Sets: [][]int{{1}}},
		"below":                     {Count: 1, Of: row(1), Sets: [][]int{{-1}}},
		"too few in a set":          {Count: 2, Of: row(2), Sets: [][]int{{1}}},
		"too many sets":             {Count: 1, Of: row(1), Sets: slices.Repeat([][]int{{0}}, 300)},
		"too many devices":          {Count: 1, Of: row(200)},
		"fewer than none":           {Count: -1},
	} {
		if (Demand{Devices: []Choice{c}}).sane() {
			t.Errorf("%s: taken", name)
		}
	}
}
