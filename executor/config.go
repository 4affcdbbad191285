// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"fmt"
	"sync"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// Config says with what an Executor works. Only Sandbox is required.
type Config struct {
	Sandbox sandbox.Sandbox

	// Profile is the cluster's: defaults, limits, group kill, capabilities.
	// Nil: resources.DefaultProfile().
	Profile *resources.Profile
	// ProfileName names it in task records; "" for the built-in one.
	ProfileName string

	// StateDir is where attempts are kept. "": the usual place
	// ($DRYDOCK_STATE_DIR, /var/lib/drydock, ~/.local/state/drydock).
	StateDir string

	// Capacity is what the Executor's tasks may have of the machine at a
	// time. Zero: HostCapacity, shared with every other Executor of this
	// process that has none of its own, because the machine is one. A part
	// that is zero is the host's.
	Capacity Capacity

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
// of its tasks share its Capacity.
type Executor struct {
	config    Config
	profile   resources.Profile
	state     *state.Dir
	admission *admission
}

// New returns an Executor. It opens the state directory (making it where it
// is not there) and reads the machine's size; it starts nothing.
func New(c Config) (*Executor, error) {
	if c.Sandbox == nil {
		return nil, errors.New("executor: Config.Sandbox is nil; give it one, such as native.New")
	}
	if c.SystemRetries < 0 {
		return nil, fmt.Errorf("executor: Config.SystemRetries is %d; it cannot be negative", c.SystemRetries)
	}
	x := &Executor{config: c, profile: resources.DefaultProfile()}
	if c.Profile != nil {
		x.profile = *c.Profile
	}
	var err error
	if x.admission, err = admissionTo(c.Capacity); err != nil {
		return nil, err
	}
	if x.state, err = state.Open(c.StateDir); err != nil {
		return nil, err
	}
	return x, nil
}

func admissionTo(c Capacity) (*admission, error) {
	if c.CPUMilli > 0 && c.Memory > 0 {
		return &admission{capacity: c}, nil
	}
	host, err := hostAdmission()
	if err != nil || c.IsZero() {
		return host, err
	}
	if c.CPUMilli <= 0 {
		c.CPUMilli = host.capacity.CPUMilli
	}
	if c.Memory <= 0 {
		c.Memory = host.capacity.Memory
	}
	return &admission{capacity: c}, nil
}

var hostAdmission = sync.OnceValues(func() (*admission, error) {
	host, err := HostCapacity()
	if err != nil {
		return nil, fmt.Errorf("find out what this machine has: %w", err)
	}
	return &admission{capacity: host}, nil
})

// StateDir returns the absolute path of the state directory.
func (x *Executor) StateDir() string { return x.state.Root() }

// Capacity returns what tasks may have of the machine at a time.
func (x *Executor) Capacity() Capacity { return x.admission.capacity }
