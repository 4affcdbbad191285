// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"errors"
	"log"
	"log/slog"
	"net/http"

	"drydock/integration/flyte/api"
	"drydock/integration/flyte/book"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/objects"
	"drydock/integration/flyte/registry"
)

// parts are what a server is made of.
type parts struct {
	book    *book.Book
	objects *objects.Store
	engine  *engine.Engine
	api     http.Handler
	keys    *grants
}

// assemble opens what lies on disk and puts the parts together.
func (s *Server) assemble() (p *parts, err error) {
	p = &parts{}
	defer func() {
		if err != nil {
			p.close(s.c.Log)
			p = nil
		}
	}()
	if p.book, err = book.OpenFile(s.home.book()); errors.Is(err, book.ErrLocked) {
		return p, &InUseError{StateDir: s.c.StateDir}
	} else if err != nil {
		return p, err
	}
	keys := &grants{now: s.c.Now, lookUp: p.run}
	options := objects.Options{Log: s.c.Log, Now: s.c.Now, Authorize: keys.authorize}
	if p.objects, err = objects.Open(s.home.objects(), options); errors.Is(err, objects.ErrInUse) {
		return p, &InUseError{StateDir: s.c.StateDir}
	} else if err != nil {
		return p, err
	}
	keys.store, p.keys = p.objects, keys
	launcher := s.c.launcher
	if launcher == nil {
		if launcher, err = s.launch(p.objects, keys); err != nil {
			return p, err
		}
	}
	warn := func(text string) { s.c.Log.Warn(text) }
	p.engine, err = engine.New(engine.Config{
		Book: p.book, Launcher: launcher, Objects: documents{p.objects}, OutputBase: objects.URI(outputKey),
		MaxQueued: s.c.MaxQueued, Observe: s.observe, Warn: warn, Now: s.c.Now,
	})
	if err != nil {
		return p, err
	}
	for _, root := range p.engine.Unfinished() { // their tasks may still run, with the keys they have
		keys.know(root.ID.Run)
	}
	tasks, err := registry.New(p.book, s.c.Now)
	if err != nil {
		return p, err
	}
	p.api, err = api.New(api.Config{
		Engine: p.engine, Registry: tasks, Objects: api.Store(p.objects, signedBase), CheckTask: checkTask(launcher), Logs: api.LogsFunc(s.usage.logFile),
		Warn: warn, Now: s.c.Now,
	})
	return p, err
}

// run returns a run and its root action.
func (p *parts) run(id engine.RunID) (*engine.Run, *engine.Action, error) {
	run, err := p.engine.Run(id)
	if err != nil {
		return nil, nil, err
	}
	root, err := p.engine.Action(engine.ActionID{Run: id, Name: engine.RootAction})
	return run, root, err
}

// observe is told of everything that happens.
func (s *Server) observe(e engine.Event) {
	s.usage.note(e)
	s.hub.tell(e)
}

func (p *parts) close(log *slog.Logger) {
	if p.objects != nil {
		if err := p.objects.Close(); err != nil {
			log.Warn("the object store did not close", "error", err)
		}
	}
	if p.book != nil {
		if err := p.book.Close(); err != nil {
			log.Warn("the book of runs did not close", "error", err)
		}
	}
}

// serverLog is where net/http complains of clients.
func serverLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
