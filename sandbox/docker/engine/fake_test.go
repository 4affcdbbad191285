// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/sandbox"
)

// fake is an engine that says what a test wants. Its routes have no version.
type fake struct {
	*http.ServeMux
	host string
	api  string // of its ping
	info string // what it says of itself

	mu    sync.Mutex
	asked []string // "GET /v1.41/info"
}

// newFake starts one on a Unix socket. A short path: the kernel has no room for
// more than 108 bytes.
func newFake(t *testing.T) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "fake")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{ServeMux: http.NewServeMux(), host: "unix://" + listener.Addr().String(), api: "1.47"}
	f.standard()
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: f}}
	server.Start()
	t.Cleanup(server.Close)
	return f
}

func (f *fake) standard() {
	f.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Api-Version", f.api) })
	f.HandleFunc("GET /version", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"Version":"1.2.3","Os":"linux","Arch":"amd64","Components":[{"Name":"Engine"},{"Name":"runc","Version":"1.1.5"}]}`)
	})
	f.info = `{"CgroupVersion":"2","CgroupDriver":"systemd","SwapLimit":true,"SecurityOptions":["name=seccomp,profile=builtin","name=rootless"],"DefaultRuntime":"runc","Runtimes":{"runc":{},"crun":{}}}`
	f.HandleFunc("GET /info", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, f.info) })
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if rest, ok := strings.CutPrefix(r.URL.Path, "/v1."); ok {
		_, r.URL.Path, _ = strings.Cut(rest, "/")
		r.URL.Path = "/" + r.URL.Path
	}
	f.ServeMux.ServeHTTP(w, r)
}

func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// open opens the fake with deadlines that suit a test of what is too slow.
func (f *fake) open(t *testing.T) *Engine {
	t.Helper()
	e, err := open(t.Context(), Config{Host: f.host, ConfigDir: t.TempDir()}, usualLimits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func (e *Engine) impatient() {
	const limit = 100 * time.Millisecond
	e.limits = limits{open: limit, quick: limit, change: limit, silence: limit, helper: limit}
}

func TestNegotiation(t *testing.T) {
	for name, tc := range map[string]struct{ api, used, refused string }{
		"20.10":     {api: "1.41", used: "1.41"},
		"28.5":      {api: "1.51", used: "1.51"},
		"newer":     {api: "1.99", used: "1.51"},
		"too old":   {api: "1.40", refused: "1.41 (Docker Engine 20.10, Podman 4) is the oldest"},
		"no engine": {api: "", refused: "no container engine"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.api = tc.api
			e, err := Open(t.Context(), Config{Host: f.host})
			if tc.refused != "" {
				if !isUnsupported(err, tc.refused, "DOCKER_HOST") {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if e.Info().API != tc.used || !strings.Contains(f.requests(), "GET /v"+tc.used+"/info") {
				t.Errorf("API %s, requests %s", e.Info().API, f.requests())
			}
		})
	}
}

func TestInfoOfFake(t *testing.T) {
	info := newFake(t).open(t).Info()
	if info.String() != "Docker Engine 1.2.3" || info.CgroupVersion != 2 || info.CgroupDriver != "systemd" || !info.SwapLimit || !info.Rootless || info.UsernsRemap ||
		info.RuntimeVersion != "1.1.5" || strings.Join(info.Runtimes, " ") != "crun runc" {
		t.Errorf("%+v", info)
	}
	if info.Local || info.Remote == "" {
		t.Errorf("an engine of another kernel is taken for a local one: %q", info.Remote)
	}
}

// Who knows the engine already does not ask again, and still notices its
// absence.
func TestKnown(t *testing.T) {
	f := newFake(t)
	f.api = "1.43"
	known := Info{Product: productPodman, Version: "9", Local: true, Endpoint: f.host}
	e, err := Open(t.Context(), Config{Host: f.host, Known: &known})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Info().String() != "Podman 9" || !e.Info().Local || strings.Contains(f.requests(), "info") || e.client.ClientVersion() != "1.43" {
		t.Errorf("%+v, API %s, requests %s", e.Info(), e.client.ClientVersion(), f.requests())
	}
	if _, err := Open(t.Context(), Config{Host: "unix:///no/such/sock", Known: &known}); !isUnsupported(err, "no container engine", "start it") {
		t.Errorf("%v", err)
	}
}

// What an engine answers, and what becomes of it.
func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status  int
		kind    string
		body    string
		want    Kind
		message string
	}{
		"JSON":             {500, "application/json", `{"message":"the disk is on fire"}`, Failed, "the disk is on fire"},
		"text":             {500, "text/plain", "panic: out of luck\n", Failed, "panic: out of luck"},
		"nothing":          {500, "application/json", "", Failed, "500"},
		"no message":       {500, "application/json", "{}", Failed, "500"},
		"proxy":            {502, "text/html", "<h1>Bad Gateway</h1>", Failed, "Bad Gateway"},
		"no container":     {404, "application/json", `{"message":"No such container: x"}`, NotFound, "No such container: x"},
		"podman no image":  {404, "application/json", `{"cause":"image not known","message":"x: image not known"}`, NoImage, "image not known"},
		"no image":         {404, "application/json", `{"message":"No such image: x:latest"}`, NoImage, "No such image"},
		"name":             {409, "application/json", `{"message":"Conflict. The container name \"/a\" is already in use by container \"b\"."}`, NameInUse, "already in use"},
		"podman name":      {500, "application/json", `{"message":"creating container storage: the container name \"a\" is already in use by b. You have to remove that container to be able to reuse that name: that name is already in use"}`, NameInUse, "already in use"},
		"port":             {500, "application/json", `{"message":"driver failed on endpoint name x: bind: address already in use"}`, Failed, "already in use"},
		"not running":      {409, "application/json", `{"message":"Cannot kill container: x: container x is not running"}`, NotRunning, "is not running"},
		"podman ended":     {409, "application/json", `{"message":"can only kill running containers. x is in state exited: container state improper"}`, NotRunning, "running"},
		"another conflict": {409, "application/json", `{"message":"You cannot remove a paused container"}`, Conflict, "paused"},
		"invalid":          {400, "application/json", `{"message":"invalid CPU quota"}`, Invalid, "invalid CPU quota"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			refuse := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}
			f.HandleFunc("/containers/", refuse)
			e := f.open(t)
			_, inspect := e.Inspect(t.Context(), "x")
			_, attach := e.Attach(t.Context(), "x", AttachOptions{})
			for call, err := range map[string]error{"inspect": inspect, "attach": attach} {
				if KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.message) || !strings.Contains(err.Error(), "container: ") {
					t.Errorf("%s: %q (%s), want %s", call, err, KindOf(err), tc.want)
				}
			}
		})
	}
}

func TestSlowCalls(t *testing.T) {
	f := newFake(t)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	hang := func(w http.ResponseWriter, r *http.Request) { <-over }
	f.HandleFunc("/containers/", hang)
	f.HandleFunc("/images/", hang)
	f.HandleFunc("/events", hang)
	e := f.open(t)
	e.impatient()
	ctx := t.Context()
	_, _, create := e.Create(ctx, Container{})
	_, inspect := e.Inspect(ctx, "x")
	_, attach := e.Attach(ctx, "x", AttachOptions{})
	_, list := e.List(ctx, nil)
	_, image := e.Image(ctx, "x", "")
	_, events := e.Events(ctx, "x", time.Time{})
	for call, err := range map[string]error{
		"create container": create, "inspect container": inspect, "attach to container": attach, "list containers": list,
		"look up image": image, "follow container's events": events, "start container": e.Start(ctx, "x"), "remove container": e.Remove(ctx, "x"),
		"send SIGTERM to container": e.Kill(ctx, "x", "SIGTERM"), "follow container's usage": e.StatsStream(ctx, "x", nil),
	} {
		if KindOf(err) != Slow || !strings.HasPrefix(err.Error(), call+": the engine did not answer within ") {
			t.Errorf("%s: %v (%s)", call, err, KindOf(err))
		}
	}
}

func TestPullStreams(t *testing.T) {
	const layer = `{"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"a"}` + "\n"
	for name, tc := range map[string]struct {
		stream  string
		hang    bool
		abort   bool
		want    Kind // "": an ImageError
		message string
	}{
		"refused in the midst":  {stream: layer + `{"errorDetail":{"message":"write /x: no space left on device"},"error":"other words"}`, message: "write /x: no space left on device"},
		"podman's error":        {stream: layer + `{"error":"manifest unknown"}`, message: "manifest unknown"},
		"ends, nothing there":   {stream: layer, message: "No such image"},
		"no JSON":               {stream: layer + "<html>", message: "progress"},
		"broken off":            {stream: layer, abort: true, want: Gone, message: "EOF"},
		"silent":                {stream: layer, hang: true, want: Slow, message: "no progress of docker.io/library/x:latest for 1s"},
		"silent from the start": {hang: true, want: Slow, message: "no progress"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			over := make(chan struct{})
			t.Cleanup(func() { close(over) })
			f.HandleFunc("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, tc.stream)
				if tc.stream != "" {
					_ = http.NewResponseController(w).Flush()
				}
				switch {
				case tc.abort:
					panic(http.ErrAbortHandler)
				case tc.hang:
					<-over
				}
			})
			f.HandleFunc("GET /images/", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(404)
				fmt.Fprint(w, `{"message":"No such image: x"}`)
			})
			e := f.open(t)
			if tc.hang {
				e.limits.silence = time.Second
			}
			var last sandbox.Progress
			_, err := e.Provide(t.Context(), Pull{Reference: "x", Progress: func(p sandbox.Progress) { last = p }})
			_, isImage := err.(*sandbox.ImageError)
			if KindOf(err) != tc.want || isImage != (tc.want == "") || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("%#v (%s)", err, KindOf(err))
			}
			if want := (sandbox.Progress{What: "docker.io/library/x:latest", Done: 5, Total: 10}); tc.stream != "" && last != want {
				t.Errorf("progress %+v", last)
			}
		})
	}
}
