// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/integration/flyte/engine"
)

var update = flag.Bool("update", false, "write golden files")

// shelf is a Source of literal runs.
type shelf struct {
	runs    []*engine.Run
	actions map[engine.RunID][]*engine.Action
	err     error
}

func (s *shelf) Runs(f engine.RunFilter) (runs []*engine.Run, roots []*engine.Action, next string, err error) {
	if s.err != nil {
		return nil, nil, "", s.err
	}
	for _, r := range s.runs {
		root := s.actions[r.ID][0]
		if f.Project != "" && (r.ID.Project != f.Project || r.ID.Domain != f.Domain) || f.Match != nil && !f.Match(r, root) {
			continue
		}
		runs, roots = append(runs, r), append(roots, root)
	}
	if f.Token == "" && len(runs) > 1 {
		next = "a&b"
	}
	return runs, roots, next, nil
}

func (s *shelf) Run(id engine.RunID) (*engine.Run, error) {
	for _, r := range s.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, errors.Join(s.err, engine.ErrNotFound)
}

func (s *shelf) Actions(id engine.RunID) ([]*engine.Action, error) {
	if actions, ok := s.actions[id]; ok {
		return actions, nil
	}
	return nil, engine.ErrNotFound
}

// seed makes a console over the fixtures.
func seed() (http.Handler, *shelf) {
	s := fixtures()
	return New(Config{
		Source: s,
		Now:    func() time.Time { return noon.Add(time.Minute) },
		Zone:   time.UTC,
		Usage: func(id string) Usage {
			return map[string]Usage{
				"T-OOM":  {Memory: "400Mi", CPU: "1", Limit: 400 << 20, Peak: 400 << 20, CPUSeconds: 1.25},
				"T-MORE": {Memory: "1Gi", CPU: "1", Limit: 1 << 30, Peak: 760 << 20, CPUSeconds: 1.5},
				"T-LIVE": {Memory: "512Mi", Limit: 512 << 20, Current: 100 << 20},
			}[id]
		},
		Log: func(id string) (io.ReadCloser, error) {
			if id != "T-OOM" {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader("step 1 <b>\nstep 2\n")), nil
		},
		Report: func(_ context.Context, uri string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("<script>alert('" + uri + "')</script>")), nil
		},
	}), s
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

const fixtureRun = "/v2/domain/development/project/demo/runs/rdone"

func TestPages(t *testing.T) {
	h, _ := seed()
	for name, tc := range map[string]struct {
		path string
		code int
	}{
		"list":         {"/", 200},
		"project":      {"/v2/domain/development/project/demo", 200},
		"task":         {"/v2/domain/development/project/demo/tasks/main", 200},
		"task-full":    {"/v2/domain/development/project/demo/tasks/env.main", 200},
		"empty":        {"/v2/domain/production/project/demo/runs", 200},
		"done":         {fixtureRun, 200},
		"live":         {"/v2/domain/development/project/demo/runs/rlive", 200},
		"live-paused":  {"/v2/domain/development/project/demo/runs/rlive?refresh=off", 200},
		"hostile":      {"/v2/domain/d%22%3E/project/%3Cb%3E/runs/%3Cscript%3E", 200},
		"unknown-run":  {"/v2/domain/development/project/demo/runs/nope", 404},
		"unknown-page": {"/no/such/<page>", 404},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, h, strings.NewReplacer("<", "%3C", ">", "%3E").Replace(tc.path))
			if w.Code != tc.code {
				t.Errorf("status %d, want %d", w.Code, tc.code)
			}
			body := w.Body.String()
			for _, bad := range []string{"<script", "<b>", `href="javascript`, "ZgotmplZ", "http://", "https://"} {
				if strings.Contains(body, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
			// The style sheet is the same everywhere and would hide what differs.
			golden(t, name+".html", strings.Replace(body, style, "…", 1))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -update writes it; -file +page):\n%s", path, diff)
	}
}

// What every answer must carry, so that content of tasks can do nothing.
func TestHeaders(t *testing.T) {
	h, _ := seed()
	log := fixtureRun + "/actions/c1/attempts/1/log"
	report := fixtureRun + "/actions/a0/attempts/1/report"
	for path, policy := range map[string]string{
		"/": "default-src 'none'", "/nowhere": "default-src 'none'", fixtureRun: "default-src 'none'", log: "default-src 'none'", report: "sandbox allow-scripts",
	} {
		header := get(t, h, path).Header()
		if got := header.Get("Content-Security-Policy"); !strings.HasPrefix(got, policy) || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, got)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, header)
		}
	}
	if strings.Contains(reportPolicy, "allow-same-origin") {
		t.Error("a report would be of drydock's own origin")
	}
	w := get(t, h, log)
	if w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Body.String() != "step 1 <b>\nstep 2\n" {
		t.Errorf("the log: %v %q", w.Header(), w.Body)
	}
}

func TestNothingThere(t *testing.T) {
	h, s := seed()
	for _, path := range []string{
		fixtureRun + "/actions/c1/attempts/9/log", fixtureRun + "/actions/c1/attempts/0/log", fixtureRun + "/actions/c1/attempts/-1/log",
		fixtureRun + "/actions/nope/attempts/1/log", fixtureRun + "/actions/c2/attempts/1/log", fixtureRun + "/actions/c1/attempts/1/report",
		"/v2/domain/x/project/y/runs/z/actions/a0/attempts/1/log",
	} {
		if w := get(t, h, path); w.Code != 404 {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	s.err = errors.New("the disk is gone")
	if w := get(t, h, "/"); w.Code != 500 || !strings.Contains(w.Body.String(), "the disk is gone") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestReadOnly(t *testing.T) {
	h, _ := seed()
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		for _, path := range []string{"/", fixtureRun} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: status %d", method, path, w.Code)
			}
		}
	}
}

// A cycle or an orphan in the record must not hang or hide anything.
func TestTree(t *testing.T) {
	mk := func(name, parent string) *engine.Action {
		return &engine.Action{ID: engine.ActionID{Name: name}, Parent: parent}
	}
	nodes := tree([]*engine.Action{mk("a0", ""), mk("b", "a0"), mk("c", "b"), mk("d", "a0"), mk("o", "gone"), mk("p", "o")})
	var got []string
	for _, n := range nodes {
		got = append(got, strings.Repeat(".", n.depth)+n.action.ID.Name)
	}
	if diff := cmp.Diff([]string{"a0", ".b", "..c", ".d", "o", ".p"}, got); diff != "" {
		t.Error(diff)
	}
	if n := len(tree([]*engine.Action{mk("x", "y"), mk("y", "x"), mk("z", "z")})); n > 3 {
		t.Errorf("%d nodes of a cycle", n)
	}
}
