// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"os/user"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/registry"
)

// Config says what an API is made of. Engine, Registry, Objects and Logs are
// required.
type Config struct {
	Engine   Engine
	Registry *registry.Registry
	Objects  Objects
	Logs     Logs

	// User is who all runs belong to; "": the name of the user that the
	// server runs as.
	User string
	// CheckTask says why a task cannot run here, before a run of it is made;
	// the client shows the text. Nil: every task can.
	CheckTask func(*task.TaskSpec) error
	// Warn is told, in a sentence, what a client asked for and does not get,
	// and of failures that are the server's own. It is called by many
	// goroutines. Nil: nobody is told.
	Warn func(text string)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Engine is what the API needs of *engine.Engine, which says what each does.
type Engine interface {
	CreateRun(ctx context.Context, n engine.NewRun) (*engine.Run, *engine.Action, error)
	Enqueue(ctx context.Context, a *actions.Action) error
	Run(id engine.RunID) (*engine.Run, error)
	Action(id engine.ActionID) (*engine.Action, error)
	Actions(id engine.RunID) ([]*engine.Action, error)
	Runs(f engine.RunFilter) (runs []*engine.Run, roots []*engine.Action, next string, err error)
	WatchAction(ctx context.Context, id engine.ActionID, f func(*engine.Action) error) error
	WatchRun(ctx context.Context, id engine.RunID, f func([]*engine.Action) error) error
	WatchRuns(ctx context.Context, f func(*engine.Run, *engine.Action) error) error
	WatchChildren(ctx context.Context, parent engine.ActionID, f func(engine.Update) error) error
	AbortRun(id engine.RunID, reason string) error
	AbortAction(id engine.ActionID, reason string) error
	Signal(id engine.ActionID, value *core.Literal) error
}

var _ Engine = (*engine.Engine)(nil)

// Logs finds what attempts printed.
type Logs interface {
	// LogFile returns the path of the log of a task of the executor, in the
	// format that crilog reads. The file need not be there yet.
	LogFile(taskID string) string
}

// LogsFunc makes a function Logs.
type LogsFunc func(taskID string) string

// LogFile calls f.
func (f LogsFunc) LogFile(taskID string) string { return f(taskID) }

// server is what all services share.
type server struct {
	Config
	uploads promises
}

func newServer(c Config) (*server, error) {
	if c.Engine == nil || c.Registry == nil || c.Objects == nil || c.Logs == nil {
		return nil, errors.New("api: Config needs an Engine, a Registry, Objects and Logs")
	}
	if c.User == "" {
		c.User = "local"
		if u, err := user.Current(); err == nil && u.Username != "" {
			c.User = u.Username
		}
	}
	if c.CheckTask == nil {
		c.CheckTask = func(*task.TaskSpec) error { return nil }
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &server{Config: c}, nil
}
