// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"drydock/integration/flyte/engine"
)

// Source is where the pages find runs: an *engine.Engine.
type Source interface {
	Runs(f engine.RunFilter) (runs []*engine.Run, roots []*engine.Action, next string, err error)
	Run(id engine.RunID) (*engine.Run, error)
	Actions(id engine.RunID) ([]*engine.Action, error)
}

// Usage is what is known about an attempt beyond the engine's record. Zero
// fields are not known.
type Usage struct {
	Memory, CPU string // request and limit, as a person reads them
	Limit       int64  // of memory, in bytes
	Current     int64  // of a running attempt
	Peak        int64  // of an ended one
	CPUSeconds  float64
}

// Config says where the pages' content comes from. Only Source is required.
type Config struct {
	Source Source
	// Usage tells about the attempt with this task id; nil: nothing.
	Usage func(taskID string) Usage
	// Log opens what an attempt printed, as plain text; an error that wraps
	// fs.ErrNotExist when there is none. Nil: there are no logs.
	Log func(taskID string) (io.ReadCloser, error)
	// Report opens the report in an attempt's output directory; nil: there
	// are no reports.
	Report func(ctx context.Context, outputURI string) (io.ReadCloser, error)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Zone is the time zone of the pages; nil: the machine's.
	Zone *time.Location
}

// pages are the console's handlers.
type pages struct{ Config }

// New returns the console. It answers "/" and "/v2/…" and refuses every
// other path with a page that says so.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	if c.Usage == nil {
		c.Usage = func(string) Usage { return Usage{} }
	}
	p := &pages{c}
	mux := http.NewServeMux()
	const run = "GET /v2/domain/{domain}/project/{project}/runs/{run}"
	mux.HandleFunc("GET /{$}", p.list)
	mux.HandleFunc("GET /v2/domain/{domain}/project/{project}", p.list)
	mux.HandleFunc("GET /v2/domain/{domain}/project/{project}/runs", p.list)
	mux.HandleFunc("GET /v2/domain/{domain}/project/{project}/tasks/{task}", p.list)
	mux.HandleFunc(run, p.run)
	mux.HandleFunc(run+"/actions/{action}/attempts/{attempt}/log", p.log)
	mux.HandleFunc(run+"/actions/{action}/attempts/{attempt}/report", p.report)
	mux.HandleFunc("GET /", p.nowhere)
	mux.HandleFunc("/", readOnly)
	return mux
}

// readOnly refuses everything but GET and HEAD.
func readOnly(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "the console only shows; use the flyte command to change something", http.StatusMethodNotAllowed)
}

func (p *pages) nowhere(w http.ResponseWriter, r *http.Request) {
	p.fail(w, http.StatusNotFound, "There is no such page", "drydock has nothing at "+r.URL.Path+".")
}

func runID(r *http.Request) engine.RunID {
	return engine.RunID{Project: r.PathValue("project"), Domain: r.PathValue("domain"), Name: r.PathValue("run")}
}

// failed answers with the page for an error of the source.
func (p *pages) failed(w http.ResponseWriter, err error, what string) {
	if errors.Is(err, engine.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		p.fail(w, http.StatusNotFound, "Not found", what)
		return
	}
	p.fail(w, http.StatusInternalServerError, "This failed", err.Error())
}
