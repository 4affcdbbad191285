// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
)

// Status is what the server is doing, for drydock status.
type Status struct {
	Info
	StateDir string `json:"state_dir"`
	Drydock  string `json:"drydock,omitempty"`
	Ready    bool   `json:"ready"`
	Running  int    `json:"running"` // runs whose root runs
	Queued   int    `json:"queued"`  // runs whose root waits
}

// control serves drydock's own commands, and those who watch over servers.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET "+controlPrefix+"status", s.serveStatus)
	mux.HandleFunc("GET "+controlPrefix+"news", s.serveNews)
	mux.HandleFunc("POST "+controlPrefix+"rerun", s.serveRerun)
	return mux
}

func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.stopping.Load():
		http.Error(w, "going down", http.StatusServiceUnavailable)
	case !s.ready.Load():
		http.Error(w, "coming up", http.StatusServiceUnavailable)
	default:
		_, _ = w.Write([]byte("ok\n"))
	}
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	st := Status{Info: s.Info(), StateDir: s.c.StateDir, Drydock: s.c.Version, Ready: s.ready.Load() && !s.stopping.Load()}
	for _, root := range s.parts.engine.Unfinished() {
		if root.Phase == common.ActionPhase_ACTION_PHASE_RUNNING || root.Phase == common.ActionPhase_ACTION_PHASE_INITIALIZING {
			st.Running++
		} else {
			st.Queued++
		}
	}
	writeJSON(w, st)
}

func writeJSON(w http.ResponseWriter, v any) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the client may be gone
}

// Watch tells f all news, one at a time: first how every unfinished run
// stands, or the one run that id names whatever its state, then what happens,
// until ctx ends, the server does, or f returns an error, which it returns.
func (s *Server) Watch(ctx context.Context, id *engine.RunID, f func(News) error) error {
	box, cancel := s.hub.subscribe()
	defer cancel()
	rep := newReporter(s.c.Now, s.usage.ended)
	tell := func(e engine.Event) error {
		if id != nil && (e.Run == nil || e.Run.ID != *id) {
			return nil
		}
		for _, n := range rep.tell(e) {
			if err := f(n); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range s.standing(id) {
		if err := tell(e); err != nil {
			return err
		}
	}
	for {
		events, more := box.take(ctx)
		if !more {
			return nil
		}
		for _, e := range events {
			if err := tell(e); err != nil {
				return err
			}
		}
	}
}

// standing is how things are, in the form of events.
func (s *Server) standing(id *engine.RunID) []engine.Event {
	var ids []engine.RunID
	if id != nil {
		ids = append(ids, *id)
	} else {
		for _, root := range s.parts.engine.Unfinished() {
			ids = append(ids, root.ID.Run)
		}
	}
	var events []engine.Event
	for _, id := range ids {
		run, err := s.parts.engine.Run(id)
		if err != nil {
			continue // it does not exist, or not yet
		}
		actions, err := s.parts.engine.Actions(id)
		if err != nil {
			continue
		}
		for _, e := range snapshot(run, actions) {
			if last := e.Action.Last(); last != nil && !e.Action.Done() {
				if limit := s.usage.of(last.TaskID).Limit; limit > 0 {
					e.Progress = &engine.Progress{Memory: limit}
				}
			}
			events = append(events, e)
		}
	}
	return events
}

// snapshot is a run in the form of events: its creation first, and its end,
// which is its root's, last.
func snapshot(run *engine.Run, actions []*engine.Action) []engine.Event {
	var events, end []engine.Event
	for _, a := range actions {
		e := engine.Event{Run: run, Action: a}
		if a.Parent == "" && a.Done() {
			begun := *a
			begun.State, begun.Revision = engine.State{Phase: common.ActionPhase_ACTION_PHASE_QUEUED}, 0
			end = append(end, e)
			e.Action = &begun
		}
		events = append(events, e)
	}
	return append(events, end...)
}

// heartbeat is how often a quiet stream of news says that it is alive.
const heartbeat = 15 * time.Second

// serveNews streams news as JSON lines. An empty line is a heartbeat.
func (s *Server) serveNews(w http.ResponseWriter, r *http.Request) {
	var id *engine.RunID
	if name := r.URL.Query().Get("run"); name != "" {
		parts := strings.Split(name, "/")
		if len(parts) != 3 {
			http.Error(w, "run is PROJECT/DOMAIN/NAME", http.StatusBadRequest)
			return
		}
		id = &engine.RunID{Project: parts[0], Domain: parts[1], Name: parts[2]}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := http.NewResponseController(w)
	_ = out.Flush() // the client may be gone, then and below: the next write tells
	lines := make(chan News)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		defer close(lines)
		_ = s.Watch(ctx, id, func(n News) error {
			select {
			case lines <- n:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for {
		var err error
		select {
		case n, ok := <-lines:
			if !ok {
				return
			}
			err = enc.Encode(n)
		case <-tick.C:
			_, err = w.Write([]byte("\n"))
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return
		}
	}
}
