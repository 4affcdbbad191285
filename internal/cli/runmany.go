// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/fanout"
)

// runMany runs the tasks of a fan-out, tells how they went, and returns the
// exit code as an error.
func runMany(ctx context.Context, w World, o runOptions, s *config.Settings, all *tasks, file *resultFile) error {
	refused := func(err error) error { return finish(w, file, newPrinter(w, o), notStarted(err)) }
	which, err := all.check()
	if err != nil {
		return refused(err)
	}
	out := newManyPrinter(w, o, all.Len())
	x, err := executorFor(w, s, out, which)
	if err == nil {
		out.results, err = file.lines()
	}
	if err != nil {
		out.screen.stop()
		return refused(err)
	}
	out.begin()
	defer retaining(ctx, w, s, out.quiet())()
	ctx, signals := watchSignals(ctx, w, out.signal)
	defer signals.stop()
	summary := fanout.Run(ctx, all, fanout.Options{
		MaxParallel: o.MaxParallel, MaxFailures: o.MaxFailures,
		Changed: out.changed, Ended: out.ended,
		Run: func(ctx context.Context, t executor.Task, tell func(executor.Event)) *executor.Result {
			return out.run(ctx, x, t, tell, signals.kill)
		},
	})
	if code := out.finish(summary); code != exitOK {
		return codeError{code}
	}
	return nil
}

// run runs one of the tasks. Its standard input is empty: there is one, and
// the tasks are many.
func (p *manyPrinter) run(ctx context.Context, x *executor.Executor, t executor.Task, tell func(executor.Event), kill <-chan struct{}) *executor.Result {
	streams, flush := p.streams(t.Name)
	opts := []executor.RunOption{
		executor.WithStreams(streams), executor.WithKill(kill),
		executor.WithEvents(func(e executor.Event) { p.event(e); tell(e) }),
	}
	if p.json != nil {
		opts = append(opts, executor.WithOutputEvents())
	}
	r, err := x.Run(ctx, t, opts...)
	flush()
	if r == nil {
		return notStarted(err)
	}
	return r
}
