// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"drydock/gpu"
	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// deviceBook tells who has what, as the sandboxes see it.
type deviceBook struct {
	mu      sync.Mutex
	holder  map[string]string // by device
	most    int
	strange []string
}

func (u *deviceBook) begin(s sandbox.Spec) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, d := range s.Holds.Devices {
		if other := u.holder[d.ID]; other != "" {
			u.strange = append(u.strange, fmt.Sprintf("%s is given to %s while %s has it", d.ID, s.ID, other))
		}
		for _, id := range d.Excludes {
			if other := u.holder[id]; other != "" {
				u.strange = append(u.strange, fmt.Sprintf("%s is given to %s while %s has %s", d.ID, s.ID, other, id))
			}
		}
		u.holder[d.ID] = s.ID
	}
	u.most = max(u.most, len(u.holder))
	return nil
}

func (u *deviceBook) end(s sandbox.Spec, _ *sandbox.Outcome) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, d := range s.Holds.Devices {
		delete(u.holder, d.ID)
	}
	return nil
}

// zooOfDevices has GPUs in linked pairs, one that is cut, and a row of others.
func zooOfDevices() gpu.Inventory {
	inv := paired()
	cut := sliced(9, 4)
	inv.Devices = append(inv.Devices, cut)
	inv.Devices = append(inv.Devices, neurons(8).Devices...)
	return inv
}

// wanted is a random wish, and what of a set is right for it.
func wanted(rng *rand.Rand) (want resources.Device, right func(ids []string) bool) {
	all := func([]string) bool { return true }
	switch rng.IntN(4) {
	case 0:
		return resources.Device{Quantity: 1 + rng.IntN(4), Class: resources.ClassGPU}, all
	case 1:
		return resources.Device{Quantity: 1 + rng.IntN(2), Class: resources.ClassGPU, Device: "A100"}, all
	case 2:
		return resources.Device{Quantity: 1 + rng.IntN(4), Class: resources.ClassGPU, Device: "H100", Partition: "1g.10gb"}, func(ids []string) bool {
			return !slices.ContainsFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "MIG-9-") })
		}
	}
	return resources.Device{Quantity: []int{1, 2, 4}[rng.IntN(3)], Class: resources.ClassNeuron, Device: "Trn1"}, func(ids []string) bool {
		var first int
		_, _ = fmt.Sscanf(ids[0], "neuron-%d", &first)
		for i, id := range ids {
			if id != fmt.Sprintf("neuron-%d", first+i) {
				return false
			}
		}
		return true
	}
}

// Tasks of two desks of one machine, as two processes have them, want devices
// of all kinds at random: nothing is ever given twice, every set is what was
// asked for, and everybody gets one.
func TestDevicesUnderContention(t *testing.T) {
	const tasks = 150
	leases := t.TempDir()
	use := deviceBook{holder: map[string]string{}}
	box := &sandboxtest.Fake{StartErr: use.begin, Edit: use.end}
	var desks []*Executor
	for _, memory := range []int64{8 << 30, 9 << 30} {
		desks = append(desks, newExecutor(t, func(c *Config) {
			c.Sandbox, c.LeaseDir, c.Capacity, c.Devices = box, leases, Capacity{CPUMilli: 1 << 20, Memory: memory}, equipped(zooOfDevices())
		}))
	}
	var running sync.WaitGroup
	for n := range tasks {
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		want, right := wanted(rng)
		task := hog("sleep", fmt.Sprint(1+rng.IntN(20)), "exit", "0")
		task.Resources = resources.Resources{Memory: resources.Of("16Mi"), CPU: resources.Of("1m"), GPU: &want}
		running.Go(func() {
			result, err := desks[n%2].Run(t.Context(), task)
			if err != nil {
				t.Error(err)
				return
			}
			if ids := idsOf(result.Attempts[0].Accelerators); len(ids) != want.Quantity || !right(ids) {
				t.Errorf("who asked for %v got %q", want, ids)
			}
		})
	}
	running.Wait()
	for _, text := range use.strange {
		t.Error(text)
	}
	if use.most < 8 {
		t.Errorf("at most %d devices were held at a time: nothing was tested", use.most)
	}
	if s, err := admission.Read(leases); err != nil || len(s.Holders) > 0 || len(s.Queue) > 0 {
		t.Errorf("in the end %+v, %v", s, err)
	}
}
