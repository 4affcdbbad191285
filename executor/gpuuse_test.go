// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/internal/state"
	"drydock/resources"
)

const gib = int64(1) << 30

func amount(n int64) *int64 { return &n }

// an80 is a machine with one A100 of 80 GB that somebody uses a little of.
func an80() gpu.Inventory {
	return gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0", Class: resources.ClassGPU, Name: "NVIDIA A100-SXM4-80GB", Type: "A100_80G",
		Memory: amount(80 * gib), Used: amount(gib / 4), Nodes: []string{"/dev/nvidia0"}}}}
}

// usedBy is a look at GPU-0 with one process of a task's on it.
func usedBy(task string, seconds float64, memory int64) gpu.Look {
	uid, busy := 0, 0.9
	return gpu.Look{Time: at(seconds), Uses: []gpu.Use{{ID: "GPU-0", Memory: amount(80 * gib), Used: amount(memory + gib/4), Busy: &busy,
		Processes: []gpu.Process{{PID: 7, UID: &uid, Task: task, Memory: amount(memory)}}}}}
}

func xid(seconds float64, code int) gpu.Look {
	return gpu.Look{Time: at(seconds), XIDs: []gpu.XID{{GPU: "GPU-0", Code: code, Of: []gpu.ID{"GPU-0"}}}}
}

const torchText = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.25 GiB"

func newID(t testing.TB) string {
	t.Helper()
	id, err := state.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What an attempt used of its GPU is told while it runs, kept, and named in
// the verdict: which stays a plain failure, and no OOMError.
func TestGPUUse(t *testing.T) {
	id := newID(t)
	x := newExecutor(t, func(c *Config) {
		c.Devices = equipped(an80())
		c.DeviceUse = looks(usedBy(id, 0, 0), usedBy(id, 1, 70*gib), usedBy(id, 2, 10*gib))
	})
	task := asking(t, "A100 80G:1", "err", torchText, "exit", "1")
	task.Resources.Memory = resources.Of("64Mi")
	task.OOMRetry = &OOMRetry{}
	result, err := x.Run(t.Context(), task, WithID(id))
	a := result.Attempts[0]
	if result.Verdict.Class != Failed || result.Verdict.Code != CodeError || result.Verdict.Kind != KindUser || len(result.Attempts) != 1 {
		t.Fatalf("the verdict is %+v, %v", result.Verdict, err)
	}
	want := []string{"out of GPU memory, not of the task's own", "A100_80G GPU-0 had 70 GiB of 80 GiB in use when it was seen fullest",
		"the program then wanted 20.00 GiB more", "make the batch smaller, or ask for a card with more memory (RTX_PRO_6000, GB10, H200, B200)"}
	for _, w := range want {
		if len(a.Verdict.Hints) == 0 || !strings.Contains(a.Verdict.Hints[0], w) {
			t.Errorf("the hint is %q, want %q in it", a.Verdict.Hints, w)
		}
	}
	if len(a.GPU) != 1 || *a.GPU[0].Peak != 70*gib || a.GPU[0].By != usage.ByProcesses || *a.GPU[0].Busy != 0.9 {
		t.Errorf("it used %+v", a.GPU)
	}
	diff(t, a.GPU, result.Document().Attempts[0].Usage.GPU)
	recorded, err := ReadRecorded(x.StateDir(), id)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, a.GPU, recorded.Attempts[0].GPU)
	diff(t, a.Verdict.Hints, recorded.Attempts[0].Verdict.Hints)
	if err := os.Remove(a.Dir + "/" + state.VerdictFile); err != nil {
		t.Fatal(err)
	}
	again, err := JudgeDir(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, a.Verdict.Hints, again.Hints)
}

// Looks are events of a started attempt, as lines of JSON like others.
func TestGPUEvents(t *testing.T) {
	id := newID(t)
	started := make(chan struct{})
	x := newExecutor(t, func(c *Config) {
		c.Devices = equipped(an80())
		c.DeviceUse = func(ctx context.Context, ids []gpu.ID) <-chan gpu.Look {
			c := make(chan gpu.Look)
			go func() {
				defer close(c)
				c <- usedBy(id, 0, 0)
				<-started
				c <- usedBy(id, 1, 5*gib)
				<-ctx.Done()
				c <- xid(2, 31)
			}()
			return c
		}
	})
	var lines []string
	_, err := x.Run(t.Context(), asking(t, "1", "exit", "0"), WithID(id), WithEvents(func(e Event) {
		if e.Type == EventStarted {
			close(started)
		}
		if e.Type == EventGPU {
			line, err := EventJSON(e)
			if err != nil {
				t.Error(err)
			}
			lines = append(lines, string(line))
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	last := lines[len(lines)-1]
	if !strings.Contains(last, `"type":"gpu"`) || !strings.Contains(last, `"attempt":1,"xids":[{"gpu":"GPU-0","code":31,"of":["GPU-0"]}]}`) {
		t.Errorf("the error is told as %s", last)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, `"memory":5368709120`) }) {
		t.Errorf("the looks are told as %q", lines)
	}
}

// Cases 42 and 39: an error that the program made is the task's, any other the
// GPU's, which the next task does not get.
func TestXIDs(t *testing.T) {
	for _, c := range []struct {
		code  int
		exit  string
		hint  string // "": none
		avoid bool
	}{
		{31, "1", "the GPU GPU-0 reported XID 31, an illegal memory access by the program; it is not the GPU's fault", false},
		{31, "0", "", false},
		{79, "1", "the GPU GPU-0 reported XID 79, it fell off the bus: it is given to no task until drydock devices --refresh finds it well", true},
		{48, "0", "the GPU GPU-0 reported XID 48, an uncorrectable memory error: it is", true},
		{777, "1", "the GPU GPU-0 reported XID 777: it is", true},
	} {
		leases := t.TempDir()
		x := newExecutor(t, func(config *Config) {
			config.LeaseDir, config.Devices, config.DeviceUse = leases, equipped(an80()), looks(xid(0, c.code))
		})
		result, _ := x.Run(t.Context(), asking(t, "1", "exit", c.exit))
		hints := strings.Join(result.Verdict.Hints, "\n")
		if c.hint == "" && strings.Contains(hints, "XID") || !strings.Contains(hints, c.hint) {
			t.Errorf("XID %d, exit %s: hints %q, want %q", c.code, c.exit, hints, c.hint)
		}
		result, _ = x.Run(t.Context(), asking(t, "1", "exit", "0"))
		if refused := result.Verdict.Class == Refused; refused != c.avoid {
			t.Errorf("after XID %d: %s", c.code, result.Verdict.Message)
		}
		if c.avoid && !strings.Contains(result.Verdict.Message, "XID") {
			t.Errorf("after XID %d it is refused with %q", c.code, result.Verdict.Message)
		}
	}
}

// Who adopts an attempt goes on with its record, and judges by all of it.
func TestGPUUseAdopted(t *testing.T) {
	x := newExecutor(t, func(c *Config) { c.Devices = equipped(an80()) })
	task := asking(t, "1", "sleep", "500", "err", torchText, "exit", "1")
	id := left(t, x, task, true)
	dir := x.state.Attempt(id, 1)
	before, err := usage.Create(dir, id, usage.Of(an80(), []gpu.ID{"GPU-0"}), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Add(usedBy(id, 0, 60*gib)); err != nil {
		t.Fatal(err)
	}
	x.config.DeviceUse = looks(usedBy(id, 1, 30*gib))
	result, _ := x.Adopt(t.Context(), id)
	if result.Verdict.Class != Failed || !strings.Contains(strings.Join(result.Verdict.Hints, "\n"), "had 60 GiB of 80 GiB") {
		t.Errorf("the verdict is %+v", result.Verdict)
	}
	record, err := usage.Read(dir)
	if err != nil || len(record.Samples) != 2 {
		t.Errorf("the record is %+v, %v", record, err)
	}
}
