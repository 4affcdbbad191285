// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"net/http"
	"strings"

	"drydock/integration/flyte/api"
	"drydock/integration/flyte/console"
	"drydock/integration/flyte/objects"
)

// The parts of the one port.
const (
	apiPrefix     = api.PathPrefix
	signedBase    = "/objects"
	signedPrefix  = signedBase + "/"
	controlPrefix = "/_drydock/" // drydock's own commands
)

// storage reports whether a path is S3's.
func storage(path string) bool {
	rest, ok := strings.CutPrefix(path, "/"+objects.Bucket)
	return ok && (rest == "" || rest[0] == '/')
}

// handler is the whole port.
func (s *Server) handler() http.Handler {
	host := hostOf(s.c.Listen)
	if s.console != nil {
		host = "" // both listen on loopback
	}
	return guard{token: s.c.Token, tasks: s.parts.keys.invites, listen: host, next: s.route()}
}

// route hands a request on by its path as it came: a mux would clean it, and
// keys of objects may hold what it cleans away.
func (s *Server) route() http.Handler {
	s3, signed := s.parts.objects.S3Handler(), s.parts.objects.SignedHandler(signedPrefix)
	control, pages := s.control(), s.pages()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, apiPrefix):
			if s.stopping.Load() && begins(path) {
				refuseNew(w)
				return
			}
			s.parts.api.ServeHTTP(w, r)
		case storage(path):
			s3.ServeHTTP(w, r)
		case strings.HasPrefix(path, signedPrefix):
			signed.ServeHTTP(w, r)
		case strings.HasPrefix(path, controlPrefix), path == "/healthz", path == "/readyz":
			control.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// begins reports whether a method makes new work.
func begins(path string) bool {
	return path == apiPrefix+"workflow.RunService/CreateRun" || path == apiPrefix+"actions.ActionsService/Enqueue"
}

// refuseNew tells a client that comes too late, in Connect's words, to try
// again: with the next server.
func refuseNew(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"code":"unavailable","message":"this drydock is going down"}`))
}

// pages is the console.
func (s *Server) pages() http.Handler {
	return console.New(console.Config{
		Source: s.parts.engine, Usage: s.usage.of, Log: s.usage.log, Now: s.c.Now,
		Report: documents{s.parts.objects}.report,
	})
}
