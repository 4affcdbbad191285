// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
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

// Executor is what a Launcher needs of an *executor.Executor.
type Executor interface {
	Run(ctx context.Context, t executor.Task, opts ...executor.RunOption) (*executor.Result, error)
	Adopt(ctx context.Context, id string, opts ...executor.RunOption) (*executor.Result, error)
	Capacity() executor.Capacity
}

// Objects is what a Launcher needs of an *objects.Store.
type Objects interface {
	GetBytes(ctx context.Context, key string, max int64) ([]byte, objects.Info, error)
	Stat(ctx context.Context, key string) (objects.Info, error)
	Put(ctx context.Context, key string, r io.Reader, opts objects.PutOptions) (objects.Info, error)
}

// Config says with what a Launcher works. Executor, Objects, Python, Credentials
// and both endpoints are required.
type Config struct {
	Executor Executor
	Objects  Objects
	// Python returns the interpreter that tasks run with on this machine's own
	// root file system. It may take its time at the first call, and is called
	// for every attempt of one.
	Python func() (python.Python, error)

	APIEndpoint string // as tasks reach it: "127.0.0.1:8090"
	S3Endpoint  string // the same: "http://127.0.0.1:8090"
	// Credentials returns a key pair that opens a run's data in the storage.
	Credentials func(run engine.RunID) (accessKey, secret string)

	// Images says how tasks run in images; nil: every task runs on this
	// machine's own root file system, whatever image it names.
	Images *Images

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

// Launcher launches attempts: in their images, or on this machine's own root
// file system. It is safe for concurrent use.
type Launcher struct{ c Config }

var _ engine.Launcher = (*Launcher)(nil)

// New returns a Launcher.
func New(c Config) (*Launcher, error) {
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
	if i := c.Images; i != nil && (i.Endpoint == nil || i.Files == nil || i.Dir == "") {
		return nil, errors.New("launch: Config.Images lacks Endpoint, Files or Dir")
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	return &Launcher{c: c}, nil
}

// Launch implements engine.Launcher.
func (l *Launcher) Launch(ctx context.Context, o engine.Order) engine.End {
	defer l.dropFiles(o.TaskID)
	p, err := l.plan(ctx, o)
	if err != nil {
		return notStarted(err, p.notes)
	}
	news := &news{tell: o.Progress, notes: p.notes, python: p.python}
	news.begin(p.task.Image)
	events, stop := l.watched(o, p, news.see)
	result, err := l.c.Executor.Run(ctx, p.task, executor.WithID(o.TaskID), executor.WithLoan(o.Loan), executor.WithEvents(events))
	stop()
	return l.end(ctx, o, news, false, result, err)
}

// Adopt implements engine.Launcher.
func (l *Launcher) Adopt(ctx context.Context, o engine.Order) (engine.End, bool) {
	defer l.dropFiles(o.TaskID)
	news := &news{tell: o.Progress, notes: recorded(o), python: runsPython(o.Action.Task.GetSpec().GetTaskTemplate())}
	result, err := l.c.Executor.Adopt(ctx, o.TaskID, executor.WithLoan(o.Loan), executor.WithEvents(news.see))
	if errors.Is(err, executor.ErrNeverStarted) {
		return engine.End{}, false
	}
	news.begin(result.Task.Image)
	return l.end(ctx, o, news, true, result, err), true
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
func (l *Launcher) end(ctx context.Context, o engine.Order, news *news, adopted bool, result *executor.Result, err error) engine.End {
	e := evidence{
		result: result, err: err, order: o, notes: news.notes, program: news.python, adopted: adopted,
		image: result.Task.Image, profile: l.c.Profile.Name, capacity: l.c.Executor.Capacity(),
	}
	if e.image != "" {
		e.reached = l.c.Images.reached(o.Run.ID)
		at := l.c.Images.endpoint(o.Run.ID)
		e.endpoint, e.name = at.Shown, at.Name
	} else if p, err := l.c.Python(); err == nil {
		e.python = p.Executable
	}
	if len(result.Attempts) > 0 {
		// Also when ctx has ended: what an aborted attempt left is still told.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storagePatience)
		defer cancel()
		e.left = l.left(ctx, o.OutputURI)
		if isRaw(o.Action.Task.GetSpec().GetTaskTemplate()) && !e.left.outputs {
			l.collect(ctx, o, &e)
		}
	}
	return conclude(e)
}

// Check says why a task can never run here, before a run of it is accepted;
// nil when nothing is known against it.
func (l *Launcher) Check(spec *task.TaskSpec) error {
	t := spec.GetTaskTemplate()
	want, err := l.targetOf(t)
	if _, inImage := l.imageOf(want); err != nil || inImage {
		return err
	}
	p, err := l.c.Python()
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
