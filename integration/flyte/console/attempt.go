// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"

	"drydock/integration/flyte/engine"
)

// log serves what an attempt printed, as plain text. A running attempt's log
// ends where it is now: load the page again for more.
func (p *pages) log(w http.ResponseWriter, r *http.Request) {
	_, at, ok := p.attempt(w, r)
	if !ok {
		return
	}
	if p.Log == nil || at.TaskID == "" {
		p.fail(w, http.StatusNotFound, "No log", "This attempt never started, so that it printed nothing.")
		return
	}
	in, err := p.Log(at.TaskID)
	if errors.Is(err, fs.ErrNotExist) {
		p.fail(w, http.StatusNotFound, "No log", "There is no log of this attempt: it did not start, or its directory was removed.")
		return
	}
	p.stream(w, in, err, "text/plain; charset=utf-8", pagePolicy)
}

// report serves the HTML that a task wrote about itself, in a sandbox.
func (p *pages) report(w http.ResponseWriter, r *http.Request) {
	_, at, ok := p.attempt(w, r)
	if !ok {
		return
	}
	if p.Report == nil || !at.HasReport {
		p.fail(w, http.StatusNotFound, "No report", "This attempt wrote no report.")
		return
	}
	in, err := p.Report(r.Context(), at.OutputURI)
	p.stream(w, in, err, "text/html; charset=utf-8", reportPolicy)
}

func (p *pages) stream(w http.ResponseWriter, in io.ReadCloser, err error, kind, policy string) {
	if err != nil {
		p.failed(w, err, "It is not there any more.")
		return
	}
	defer in.Close()
	guard(w.Header(), policy)
	w.Header().Set("Content-Type", kind)
	_, _ = io.Copy(w, in) // the reader may be gone
}

// attempt finds the attempt that the path names, or answers that there is none.
func (p *pages) attempt(w http.ResponseWriter, r *http.Request) (*engine.Action, *engine.Attempt, bool) {
	number, _ := strconv.Atoi(r.PathValue("attempt"))
	actions, err := p.Source.Actions(runID(r))
	if err != nil {
		p.failed(w, err, "There is no such run.")
		return nil, nil, false
	}
	for _, a := range actions {
		if a.ID.Name == r.PathValue("action") && number >= 1 && number <= len(a.Attempts) {
			return a, &a.Attempts[number-1], true
		}
	}
	p.fail(w, http.StatusNotFound, "Not found", "This run has no such attempt.")
	return nil, nil, false
}
