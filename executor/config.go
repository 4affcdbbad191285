// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"

	"drydock/gpu"
	"drydock/gpu/discover"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// Config says with what an Executor works. Only one of the sandboxes is
// required.
type Config struct {
	// Sandbox runs the tasks without an image. Nil: they are refused.
	Sandbox sandbox.Sandbox
	// Images returns the sandbox for a task with an Image. It is called for
	// each of them, and for each that is adopted, by several goroutines at a
	// time: an engine may come and go. An error refuses the task. Nil: there is
	// none here.
	Images func(ctx context.Context) (sandbox.Sandbox, error)

	// Profile is the cluster's: defaults, limits, group kill, capabilities.
	// Nil: resources.DefaultProfile().
	Profile *resources.Profile
	// ProfileName names it in task records; "" for the built-in one.
	ProfileName string

	// StateDir is where attempts are kept. "": the usual place
	// ($DRYDOCK_STATE_DIR, /var/lib/drydock, ~/.local/state/drydock).
	StateDir string

	// Capacity is what tasks may have of the machine at a time. Zero:
	// HostCapacity, shared with everybody on this machine (see LeaseDir). A
	// part of cpu and memory that is zero is the host's; of disk, the room
	// that the state directory has when the machine is shared, otherwise not
	// counted; of pids, the machine's less a tenth where the profile has a
	// podPidsLimit, otherwise not counted.
	Capacity Capacity

	// LeaseDir is the directory through which drydock processes see what each
	// other's tasks hold. "": the machine's ($DRYDOCK_LEASE_DIR,
	// /run/lock/drydock) without a Capacity; with one none, so that it is this
	// Executor's alone. With both, this Executor takes the machine for as
	// large as Capacity says, and counts what everybody's tasks hold.
	LeaseDir string

	// Devices finds the accelerators that tasks may have; it is asked again
	// whenever that matters, by one goroutine at a time. Nil: this machine's (see
	// package gpu/discover). gpu.Pretend makes those of another one.
	Devices func(ctx context.Context) gpu.Inventory
	// DeviceUse looks at what an attempt's devices are used for, about once a
	// second until ctx ends and once more then; then the channel is closed. Nil:
	// discover.Watch.
	DeviceUse func(ctx context.Context, ids []gpu.ID) <-chan gpu.Look

	// Log is how much of each attempt's log is kept. Zero values are a
	// kubelet's defaults.
	Log sandbox.LogKeep

	// SystemRetries is how often an attempt is tried again after a failure of
	// kind system (interrupted, machine-memory), apart from the task's own
	// Retries. Default 0: at a desk somebody's kill is to be seen, not
	// repeated. Flyte's own default is 3.
	SystemRetries int

	// JudgeCommand, with the attempt's directory added, is what a supervisor
	// starts after an end that nobody waits for; see JudgeDir. Empty: nothing,
	// and the verdict is written when somebody asks.
	JudgeCommand []string
}

// Executor runs tasks on this machine. It is safe for concurrent use; all
// of its tasks share its Capacity, and the machine with others'.
type Executor struct {
	config   Config
	profile  resources.Profile
	state    *state.Dir
	desk     desk
	capacity Capacity
	devices  *lookout
	marks    string // of unhealthy GPUs, a directory; see marksOf
}

// New returns an Executor. It opens the state directory (making it where it
// is not there) and reads the machine's size; it starts nothing.
func New(c Config) (*Executor, error) {
	if c.Sandbox == nil && c.Images == nil {
		return nil, errors.New("executor: Config.Sandbox is nil; give it one, such as native.New")
	}
	if c.SystemRetries < 0 {
		return nil, fmt.Errorf("executor: Config.SystemRetries is %d; it cannot be negative", c.SystemRetries)
	}
	x := &Executor{config: c, profile: resources.DefaultProfile(), devices: &lookout{find: c.Devices}}
	if c.Devices == nil {
		x.devices.find = func(ctx context.Context) gpu.Inventory { return discover.Machine(ctx, discover.Options{}) }
	}
	x.marks = marksOf(c)
	x.devices.find = x.marked(x.devices.find)
	if c.Profile != nil {
		x.profile = *c.Profile
	}
	var err error
	if x.state, err = state.Open(c.StateDir); err != nil {
		return nil, err
	}
	if x.desk, x.capacity, err = openDesk(c, x.state.Root()); err != nil {
		return nil, err
	}
	x.devices.desk = x.desk
	return x, nil
}

// StateDir returns the absolute path of the state directory.
func (x *Executor) StateDir() string { return x.state.Root() }

// Capacity returns what tasks may have of the machine at a time.
func (x *Executor) Capacity() Capacity { return x.capacity }
