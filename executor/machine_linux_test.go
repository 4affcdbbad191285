// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"drydock/internal/admission"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// Executors with one lease directory share one machine, as different processes
// do: the second waits for what the first has, and says who has it. The
// sandbox is told what to repeat in its own lease.
func TestSharedMachine(t *testing.T) {
	leases := t.TempDir()
	end := make(chan struct{})
	var holds sandbox.Holds
	fakes := map[bool]*sandboxtest.Fake{true: {
		StartErr: func(s sandbox.Spec) error { holds = s.Holds; return nil },
		Edit:     func(sandbox.Spec, *sandbox.Outcome) error { <-end; return nil },
	}, false: {}}
	sharing := func(first bool, memory int64) *Executor {
		return newExecutor(t, func(c *Config) {
			c.Sandbox, c.LeaseDir, c.Capacity = fakes[first], leases, Capacity{CPUMilli: 4000, Memory: memory}
		})
	}
	task := hog("exit", "0")
	task.Resources.Memory = resources.Of("1Gi")
	task.Resources.Disk = "1Mi"

	var all sync.WaitGroup
	admitted := make(chan string, 1)
	all.Go(func() {
		_, err := sharing(true, 2<<30).Run(t.Context(), task, WithEvents(func(e Event) {
			if e.Admitted != nil {
				admitted <- e.ID
			}
		}))
		if err != nil {
			t.Error(err)
		}
	})
	first := <-admitted
	var once sync.Once
	var waiting string
	_, err := sharing(false, 1<<30).Run(t.Context(), task, WithEvents(func(e Event) { // it takes the machine for smaller
		if e.Queued != nil && e.Queued.Waiting != "" {
			once.Do(func() { waiting = e.Queued.Waiting; close(end) })
		}
	}))
	if err != nil {
		t.Error(err)
	}
	all.Wait()
	if want := "waits for 1Gi of memory (free 0 of 1Gi); held by " + first; waiting != want {
		t.Errorf("%q, want %q", waiting, want)
	}
	if want := (sandbox.Amounts{CPUMilli: 1000, Memory: 1 << 30, Disk: 1 << 20}); holds.Amounts != want {
		t.Errorf("the sandbox was told of %+v, want %+v", holds, want)
	}
	if s, err := admission.Read(leases); err != nil || len(s.Holders) > 0 {
		t.Errorf("in the end %+v, %v", s, err)
	}
}

// All Executors of a process that take the machine alike are one desk, however
// many there are: each call of Run makes one.
func TestOneDesk(t *testing.T) {
	leases, state := t.TempDir(), t.TempDir()
	open := func(memory int64) desk {
		return newExecutor(t, func(c *Config) {
			c.LeaseDir, c.StateDir, c.Capacity = leases, state, Capacity{CPUMilli: 1000, Memory: memory}
		}).desk
	}
	first := open(1 << 30)
	if err := os.WriteFile(filepath.Join(state, "grown"), make([]byte, 1<<20), 0o600); err != nil { // less room now
		t.Fatal(err)
	}
	if open(1<<30) != first {
		t.Error("a second Executor has a desk of its own")
	}
	if open(2<<30) == first {
		t.Error("one that takes the machine for larger has the same desk")
	}
}
