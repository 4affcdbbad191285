// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drydock/gpu"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// machine is one whose devices change.
type machine struct {
	mu  sync.Mutex
	inv gpu.Inventory
}

func (m *machine) look(context.Context) gpu.Inventory {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.inv
	now.Devices = slices.Clone(m.inv.Devices)
	return now
}

func (m *machine) change(f func(*gpu.Inventory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inv.Devices = slices.Clone(m.inv.Devices) // looks that were handed out stay
	f(&m.inv)
}

// sliced is an H100 with so many MIG devices 1g.10gb.
func sliced(card, parts int) gpu.Device {
	d := gpu.Device{ID: gpu.ID(fmt.Sprintf("GPU-%d", card)), Class: resources.ClassGPU, Index: card, Type: "H100", MIG: &gpu.MIG{Enabled: true},
		Nodes: []string{fmt.Sprintf("/dev/nvidia%d", card)}}
	for i := range parts {
		d.MIG.Parts = append(d.MIG.Parts, gpu.Part{ID: gpu.ID(fmt.Sprintf("MIG-%d-%d", card, i)), Profile: "1g.10gb",
			Nodes: []string{fmt.Sprintf("/dev/nvidia%d", card), fmt.Sprintf("/dev/nvidia-caps/nvidia-cap%d", 10*card+i)}})
	}
	return d
}

func slices1g(t testing.TB, n int, words ...string) Task {
	t.Helper()
	device, err := resources.GPU("H100", n, "1g.10gb")
	if err != nil {
		t.Fatal(err)
	}
	task := hog(words...)
	task.Resources.GPU = device
	return task
}

// neurons are n devices in a row.
func neurons(n int) (inv gpu.Inventory) {
	for i := range n {
		inv.Devices = append(inv.Devices, gpu.Device{ID: gpu.ID(fmt.Sprintf("neuron-%d", i)), Class: resources.ClassNeuron, Index: i, Type: "Trn1"})
	}
	return inv
}

// paired is a machine with four GPUs of which 0 and 1, and 2 and 3 are linked.
func paired() gpu.Inventory {
	inv := a100s(4)
	for i := range inv.Devices {
		other := inv.Devices[i^1].ID
		inv.Devices[i].Links = map[gpu.ID]int{other: gpu.LinkHost + gpu.LinkNVLink}
	}
	return inv
}

// step is a task of a story: what it asks for, and which devices it must get.
type step struct {
	task Task
	want string // "" waits for the others
}

// What several tasks get, one after another, while each keeps it: the cases of
// the conformance list that are about sets.
func TestSetsOfDevices(t *testing.T) {
	long := []string{"sleep", "3600000", "exit", "0"}
	neuron := func(n int) Task {
		task := hog(long...)
		task.Resources.GPU = &resources.Device{Quantity: n, Class: resources.ClassNeuron, Device: "Trn1"}
		return task
	}
	for name, tc := range map[string]struct {
		inv   gpu.Inventory
		steps []step
		waits string // of the last
	}{
		"27, from one card that has both": {gpu.Inventory{Devices: []gpu.Device{sliced(0, 1), sliced(1, 2)}}, []step{{slices1g(t, 2, long...), "MIG-1-0 MIG-1-1"}}, ""},
		"28, one is leased": {gpu.Inventory{Devices: []gpu.Device{sliced(0, 2)}}, []step{{slices1g(t, 1, long...), "MIG-0-0"}, {slices1g(t, 2, long...), ""}},
			"needs 2 × H100 1g.10gb, 1 free, held by "},
		"53, an aligned run": {neurons(16), []step{{neuron(1), "neuron-0"}, {neuron(1), "neuron-1"}, {neuron(4), "neuron-4 neuron-5 neuron-6 neuron-7"},
			{neuron(4), "neuron-8 neuron-9 neuron-10 neuron-11"}}, ""},
		"53, fragments":    {neurons(4), []step{{neuron(2), "neuron-0 neuron-1"}, {neuron(1), "neuron-2"}, {neuron(2), ""}}, "needs 2 × Trn1, 1 free, held by "},
		"67, linked pairs": {paired(), []step{{asking(t, "2", long...), "GPU-0 GPU-1"}, {asking(t, "2", long...), "GPU-2 GPU-3"}}, ""},
		"67, with one gone": {paired(), []step{{asking(t, "1", long...), "GPU-0"}, {asking(t, "2", long...), "GPU-2 GPU-3"}, {asking(t, "A100:2", long...), ""}},
			"needs 2 × A100, 1 free, held by "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExecutor(t, func(c *Config) { c.Devices = equipped(tc.inv) })
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				defer running.Wait()
				defer cancel()
				got := make([]string, len(tc.steps))
				waiting := ""
				for i, s := range tc.steps {
					running.Go(func() {
						_, _ = x.Run(ctx, s.task, WithEvents(func(e Event) {
							switch {
							case e.Admitted != nil:
								got[i] = strings.Join(idsOf(e.Admitted.Accelerators), " ")
							case e.Queued != nil:
								waiting = e.Queued.Waiting
							}
						}))
					})
					synctest.Wait()
					if got[i] != s.want {
						t.Errorf("task %d got %q, want %q", i, got[i], s.want)
					}
				}
				if want := "waiting for accelerator: " + tc.waits; tc.waits != "" && !strings.HasPrefix(waiting, want) || tc.waits == "" && waiting != "" {
					t.Errorf("waits: %q, want %q", waiting, want)
				}
			})
		})
	}
}

func idsOf(a *Accelerators) (ids []string) {
	for _, d := range a.Devices {
		ids = append(ids, d.ID)
	}
	return ids
}

// Case 44: a stranger's program is named, looked at again and again, and waited
// for; others are not kept out meanwhile, also when the wait is long.
func TestWaitForAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uid := 1001
		here := machine{inv: a100s(1)}
		here.change(func(inv *gpu.Inventory) {
			memory := int64(301 << 30 / 10)
			inv.Devices[0].Processes = []gpu.Process{{PID: 4242, Kind: gpu.Compute, UID: &uid, Name: "python", Memory: &memory}}
		})
		x := newExecutor(t, func(c *Config) { c.Devices = here.look })
		var ended sync.WaitGroup
		var waited []string
		var admitted time.Time
		ended.Go(func() {
			_, err := x.Run(t.Context(), asking(t, "1", "exit", "0"), WithEvents(func(e Event) {
				switch {
				case e.Queued != nil:
					waited = append(waited, e.Queued.Waiting)
				case e.Admitted != nil:
					admitted = time.Now()
				}
			}))
			if err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Hour)
		all := hog("exit", "0") // all of the machine
		all.Resources = resources.Resources{CPU: resources.Of("8"), Memory: resources.Of("8Gi")}
		if _, err := x.Run(t.Context(), all); err != nil {
			t.Error(err)
		}
		gone := time.Now()
		here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = nil })
		ended.Wait()
		if took := admitted.Sub(gone); took > lookEvery+freshLook {
			t.Errorf("it was let in %v after the stranger had gone", took)
		}
		const stranger = "waiting for accelerator: GPU-0 in use by pid 4242 (uid 1001, python, 30.1 GiB)"
		if waited[0] != stranger || waited[len(waited)-1] != stranger {
			t.Errorf("waited %q", waited)
		}
		devicesFree(t, x)
	})
}

// A GPU that is lost while a task waits for it makes the wait one for nothing.
func TestLostWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := machine{inv: a100s(1)}
		x := newExecutor(t, func(c *Config) { c.Devices = here.look })
		go func() { _, _ = x.Run(t.Context(), asking(t, "1", "sleep", "60000", "exit", "0")) }()
		synctest.Wait()
		time.AfterFunc(20*time.Second, func() { here.change(func(inv *gpu.Inventory) { inv.Devices[0].Health = "GPU is lost" }) })
		_, err := x.Run(t.Context(), asking(t, "1", "exit", "0"))
		if !isA(func(e *RefusedError) bool {
			return strings.Contains(e.Error(), "request needs 1 NVIDIA GPU; 1 present, 1 unhealthy (GPU-0: GPU is lost)")
		})(err) {
			t.Error(err)
		}
		time.Sleep(time.Minute) // the first one ends
	})
}

// Case 68, where what is there now is in use: it is waited for.
func TestStaleAcceleratorsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := machine{inv: a100s(1)}
		here.inv.Devices[0].ID = "GPU-lost"
		x := newExecutor(t, func(c *Config) {
			c.Devices = here.look
			c.Sandbox = &sandboxtest.Fake{StartErr: func(spec sandbox.Spec) error {
				if spec.Accelerators.IDs[0] != "GPU-lost" {
					return nil
				}
				here.change(func(inv *gpu.Inventory) {
					inv.Devices[0].ID, inv.Devices[0].Processes = "GPU-0", []gpu.Process{{PID: 7, Kind: gpu.Compute}}
				})
				time.AfterFunc(20*time.Second, func() { here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = nil }) })
				return &sandbox.AcceleratorError{Message: "unknown device", Stale: true}
			}}
		})
		began, waiting := time.Now(), ""
		result, err := x.Run(t.Context(), asking(t, "1", "exit", "0"), WithEvents(func(e Event) {
			if e.Queued != nil {
				waiting = e.Queued.Waiting
			}
		}))
		if err != nil || len(result.Attempts) != 1 || idsOf(result.Attempts[0].Accelerators)[0] != "GPU-0" || time.Since(began) < 20*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(began), result.Attempts, err)
		}
		if want := "waiting for accelerator: GPU-0 in use by pid 7 (unknown owner)"; waiting != want {
			t.Errorf("waits: %q, want %q", waiting, want)
		}
		devicesFree(t, x)
	})
}

// Case 61: what an ended task had on a GPU is waited for before the next gets
// it, though not for ever.
func TestDriverLetsGoLate(t *testing.T) {
	for name, tc := range map[string]struct {
		late   time.Duration
		waited time.Duration
	}{
		"5 seconds": {5 * time.Second, 5 * time.Second},
		"for ever":  {time.Hour, drainMost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here := machine{inv: a100s(1)}
				x := newExecutor(t, func(c *Config) { c.Devices = here.look })
				result, err := x.Run(t.Context(), asking(t, "1", "sleep", "1000", "exit", "0"), WithEvents(func(e Event) {
					if e.Started != nil { // the driver keeps what it had for a while
						here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = []gpu.Process{{PID: 1, Kind: gpu.Compute}} })
						time.AfterFunc(time.Second+tc.late, func() { here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = nil }) })
					}
				}))
				if err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(result.Attempts[0].EndedAt); waited < tc.waited || waited > tc.waited+2*drainPause {
					t.Errorf("the device was kept for %v, want %v", waited, tc.waited)
				}
				devicesFree(t, x)
			})
		})
	}
}

// Attempts pick anew: one that lost its device to a fault gets another.
func TestRetryPicksAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := machine{inv: a100s(2)}
		x := newExecutor(t, func(c *Config) { c.Devices = here.look })
		task := asking(t, "1", "sleep", "5000", "exit", "1")
		task.Retries.Count = 1
		result, _ := x.Run(t.Context(), task, WithEvents(func(e Event) {
			if e.Started != nil {
				here.change(func(inv *gpu.Inventory) { inv.Devices[0].Health = "XID 79" })
			}
		}))
		var had []string
		for _, a := range result.Attempts {
			had = append(had, idsOf(a.Accelerators)...)
		}
		diff(t, []string{"GPU-0", "GPU-1"}, had)
		if note := "left out: GPU-0: XID 79"; !slices.ContainsFunc(result.Warnings, func(w resources.Warning) bool { return w.Text == note }) {
			t.Errorf("warnings %+v lack %q", result.Warnings, note)
		}
	})
}

// A container's processes may run where nothing names the task: on a device
// that a task holds they are no strangers.
func TestTasksAreNoStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uid := 0
		here := machine{inv: a100s(1)}
		p := resources.DefaultProfile()
		p.Accelerators.Busy = "fail"
		x := newExecutor(t, func(c *Config) { c.Devices, c.Profile = here.look, &p })
		var first sync.WaitGroup
		first.Go(func() {
			_, err := x.Run(t.Context(), asking(t, "1", "sleep", "20000", "exit", "0"), WithEvents(func(e Event) {
				if e.Started != nil {
					here.change(func(inv *gpu.Inventory) {
						inv.Devices[0].Processes = []gpu.Process{{PID: 7, Kind: gpu.Compute, UID: &uid}}
					})
					time.AfterFunc(20*time.Second, func() { here.change(func(inv *gpu.Inventory) { inv.Devices[0].Processes = nil }) })
				}
			}))
			if err != nil {
				t.Error(err)
			}
		})
		time.Sleep(2 * time.Second)
		result, err := x.Run(t.Context(), asking(t, "1", "exit", "0"))
		if err != nil || len(result.Warnings) > 0 {
			t.Errorf("%+v, %v", result.Warnings, err)
		}
		first.Wait()
	})
}

// A driver that does not answer keeps nobody from stopping the task.
func TestStopWhileTheDriverIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExecutor(t, func(c *Config) {
			c.Devices = func(context.Context) gpu.Inventory { time.Sleep(time.Hour); return a100s(1) }
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		result, _ := x.Run(ctx, asking(t, "1", "exit", "0"))
		if took := time.Since(began); result.Verdict.Class != Aborted || took > 2*time.Second {
			t.Errorf("%s after %v: %s", result.Verdict.Class, took, result.Verdict.Message)
		}
		time.Sleep(time.Hour) // the look ends
	})
}
