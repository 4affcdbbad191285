// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
	"drydock/resources"
)

// Executor is what Native needs of an *executor.Executor.
type Executor interface {
	Run(ctx context.Context, t executor.Task, opts ...executor.RunOption) (*executor.Result, error)
	Adopt(ctx context.Context, id string, opts ...executor.RunOption) (*executor.Result, error)
	Capacity() executor.Capacity
}

// Objects is what Native needs of an *objects.Store.
type Objects interface {
	GetBytes(ctx context.Context, key string, max int64) ([]byte, objects.Info, error)
	Stat(ctx context.Context, key string) (objects.Info, error)
	Put(ctx context.Context, key string, r io.Reader, opts objects.PutOptions) (objects.Info, error)
}

// Config says with what a Native works. Executor, Objects, Python, Credentials
// and both endpoints are required.
type Config struct {
	Executor Executor
	Objects  Objects
	// Python returns the interpreter that tasks run with. It may take its
	// time at the first call, and is called for every attempt.
	Python func() (python.Python, error)

	APIEndpoint string // as tasks reach it: "127.0.0.1:8090"
	S3Endpoint  string // the same: "http://127.0.0.1:8090"
	// Credentials returns a key pair that opens a run's data in the storage.
	Credentials func(run engine.RunID) (accessKey, secret string)

	// Profile is the Executor's, for what messages say of it.
	Profile resources.Profile
	// SecretsDir holds a file for each secret: KEY, or GROUP/KEY. "": there
	// are none.
	SecretsDir string
	// Grace is the time between SIGTERM and SIGKILL. 0: DefaultGrace.
	Grace time.Duration
}

// DefaultGrace is shorter than a cluster's 30 s: the SDK's runtime has nothing
// to save. As the first process of its sandbox a Python program that set no
// handler does not even hear the SIGTERM; it is killed at once. A pod
// template's terminationGracePeriodSeconds is kept to the letter.
const DefaultGrace = 5 * time.Second

// Native launches attempts on this machine's own root file system. It is safe
// for concurrent use.
type Native struct{ c Config }

var _ engine.Launcher = (*Native)(nil)

// New returns a Native.
func New(c Config) (*Native, error) {
	switch {
	case c.Executor == nil:
		return nil, errors.New("launch: Config.Executor is nil")
	case c.Objects == nil:
		return nil, errors.New("launch: Config.Objects is nil")
	case c.Python == nil:
		return nil, errors.New("launch: Config.Python is nil")
	case c.Credentials == nil:
		return nil, errors.New("launch: Config.Credentials is nil")
	case c.APIEndpoint == "" || c.S3Endpoint == "":
		return nil, errors.New("launch: Config.APIEndpoint or Config.S3Endpoint is empty")
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	return &Native{c: c}, nil
}

// Launch implements engine.Launcher.
func (n *Native) Launch(ctx context.Context, o engine.Order) engine.End {
	p, err := n.plan(ctx, o)
	if err != nil {
		return notStarted(err, p.notes)
	}
	news := &news{tell: o.Progress, notes: p.notes, python: p.python}
	result, err := n.c.Executor.Run(ctx, p.task, executor.WithID(o.TaskID), executor.WithLoan(o.Loan), executor.WithEvents(news.see))
	return n.end(ctx, o, news, false, result, err)
}

// Adopt implements engine.Launcher.
func (n *Native) Adopt(ctx context.Context, o engine.Order) (engine.End, bool) {
	news := &news{tell: o.Progress, notes: recorded(o), python: runsPython(o.Action.Task.GetSpec().GetTaskTemplate())}
	result, err := n.c.Executor.Adopt(ctx, o.TaskID, executor.WithLoan(o.Loan), executor.WithEvents(news.see))
	if errors.Is(err, executor.ErrNeverStarted) {
		return engine.End{}, false
	}
	return n.end(ctx, o, news, true, result, err), true
}

// recorded are the notes of an attempt that an earlier process launched.
func recorded(o engine.Order) []string {
	for _, a := range o.Action.Attempts {
		if a.Number == o.Attempt {
			return a.Notes
		}
	}
	return nil
}

// end looks at what an attempt left, and says what its end means.
func (n *Native) end(ctx context.Context, o engine.Order, news *news, adopted bool, result *executor.Result, err error) engine.End {
	e := evidence{
		result: result, err: err, order: o, notes: news.notes, program: news.python, adopted: adopted,
		profile: n.c.Profile.Name, capacity: n.c.Executor.Capacity(),
	}
	if p, err := n.c.Python(); err == nil {
		e.python = p.Executable
	}
	if len(result.Attempts) > 0 {
		// Also when ctx has ended: what an aborted attempt left is still told.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storagePatience)
		defer cancel()
		e.left = n.left(ctx, o.OutputURI)
	}
	return conclude(e)
}

// Check says why a task can never run here, before a run of it is accepted;
// nil when nothing is known against it.
func (n *Native) Check(spec *task.TaskSpec) error {
	t := spec.GetTaskTemplate()
	if err := checkType(t); err != nil {
		return err
	}
	p, err := n.c.Python()
	if err != nil {
		return err
	}
	if r := t.GetMetadata().GetRuntime(); r.GetType() == core.RuntimeMetadata_FLYTE_SDK {
		return p.SameMinor(r.GetVersion())
	}
	return nil
}

// hasOutputs reports whether a task has to write any.
func hasOutputs(t *core.TaskTemplate) bool {
	return len(t.GetInterface().GetOutputs().GetVariables()) > 0
}

// describe is the note about the image that is not used.
func describe(image string, p python.Python) string {
	what := fmt.Sprintf("tasks run on this machine's own root file system with Python %s and flyte %s at %s", p.Version, p.SDK, p.Prefix)
	if image == "" {
		return what
	}
	return fmt.Sprintf("image %s is not used: %s", image, what)
}
