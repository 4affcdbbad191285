// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"testing"

	"drydock/gpu"
	"drydock/internal/admission"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"

	"github.com/google/go-cmp/cmp"
)

func diff(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// roomy is a machine with room for the tests' tasks.
var roomy = Capacity{CPUMilli: 8000, Memory: 8 << 30}

// newExecutor returns an Executor on the fake, with a state directory of its
// own; change may be nil.
func newExecutor(t testing.TB, change func(*Config)) *Executor {
	t.Helper()
	c := Config{Sandbox: &sandboxtest.Fake{}, StateDir: t.TempDir(), Capacity: roomy, Devices: equipped(gpu.Inventory{}), DeviceUse: looks()}
	if change != nil {
		change(&c)
	}
	x, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// equipped is a machine with these devices.
func equipped(inv gpu.Inventory) func(context.Context) gpu.Inventory {
	return func(context.Context) gpu.Inventory { return inv }
}

// looks are all that is ever seen of devices.
func looks(all ...gpu.Look) func(context.Context, []gpu.ID) <-chan gpu.Look {
	return func(context.Context, []gpu.ID) <-chan gpu.Look {
		c := make(chan gpu.Look, len(all))
		defer close(c)
		for _, l := range all {
			c <- l
		}
		return c
	}
}

// takenOf is what an Executor's tasks hold now.
func takenOf(x *Executor) Capacity { return Capacity(x.desk.(*admission.Local).Taken().Amounts) }

func nothingTaken(t testing.TB, x *Executor) {
	t.Helper()
	if taken := takenOf(x); !taken.IsZero() {
		t.Errorf("%v is still taken", taken)
	}
}

// hog is a task that runs the words of sandboxtest's program.
func hog(words ...string) Task { return Task{Command: append([]string{"hog"}, words...)} }

// edited is a fake whose facts are changed before they are handed out.
func edited(change func(*sandbox.Outcome)) *sandboxtest.Fake {
	return &sandboxtest.Fake{Edit: func(_ sandbox.Spec, o *sandbox.Outcome) error { change(o); return nil }}
}

// heldDevices are those that an Executor's tasks hold now.
func heldDevices(x *Executor) []sandbox.Device { return x.desk.(*admission.Local).Taken().Devices }
