// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
)

func TestServe(t *testing.T) {
	began := time.Now()
	c := testConfig(t, newFakeLauncher())
	s := start(t, c)
	eventually(t, "ready", func() bool { code, _ := fetch(t, s.url()+"/readyz"); return code == 200 })
	t.Logf("ready after %s", time.Since(began))

	id := createRun(t, s, "rok", "ok")
	news := newsUntil(t, s, id, NewsOver)
	if got := kinds(news); got != "created queued started ended finished" && got != "created queued ended finished" {
		t.Errorf("news: %s", got)
	}
	last := news[len(news)-1]
	if last.Verdict != executor.Succeeded || last.ExitCode == nil || *last.ExitCode != 0 || last.ID != "demo/development/rok" {
		t.Errorf("the end: %+v", last)
	}
	for path, want := range map[string]string{
		"/healthz": "ok", "/": "rok", "/v2/domain/development/project/demo/runs/rok": "succeeded", "/_drydock/status": `"sdk":"2.12.1"`,
	} {
		if code, body := fetch(t, s.url()+path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", path, code, want)
		}
	}
	for path, want := range map[string]int{
		"/drydock/runs/x": 403, "/drydock": 403, "/objects/x": 403, "/nowhere": 404,
		"/v2/domain/development/project/demo/runs/gone": 404, "/_drydock/nowhere": 404, "/_drydock/news?run=x": 400,
	} {
		if code, _ := fetch(t, s.url()+path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	if code, _ := fetch(t, s.url()+"/flyteidl2.app.AppService/List"); code != 501 && code != 404 {
		t.Errorf("a method that is not served: %d", code)
	}
}

// What a failed attempt left as evidence is told with the action's end.
func TestNewsOfOOM(t *testing.T) {
	s := start(t, testConfig(t, newFakeLauncher()))
	news := newsUntil(t, s, createRun(t, s, "rbad", "bad"), NewsOver)
	over := news[len(news)-1]
	if over.Verdict != executor.OOM || *over.ExitCode != 137 {
		t.Errorf("the run: %+v", over)
	}
	for _, n := range news {
		if n.Type == NewsEnded && (len(n.Attempts) != 1 || n.Attempts[0].OOM == nil || n.Code != "OOMKilled") {
			// Who asks after the end gets what is recorded, which has no report.
			if len(n.Attempts) != 0 {
				t.Errorf("the action: %+v", n)
			}
		}
	}
}

func TestSecondServer(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s := start(t, c)
	_, err := New(c)
	inUse, ok := errors.AsType[*InUseError](err)
	if !ok || inUse.Info == nil || inUse.Info.PID != os.Getpid() || inUse.Info.Endpoint != s.Info().Endpoint {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{s.Info().Endpoint, "drydock down", "--state-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := testConfig(t, newFakeLauncher())
	c.Listen = l.Addr().String()
	_, err = New(c)
	if _, ok := errors.AsType[*ListenError](err); !ok || !strings.Contains(err.Error(), "--listen 127.0.0.1:0") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if info, err := (Home{c.StateDir}).Running(); info != nil || err != nil {
		t.Errorf("a server that did not start is told as up: %v, %v", info, err)
	}
	c.Listen = "127.0.0.1:0"
	start(t, c) // nothing was left behind
}

func TestNoPython(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	sentence := errors.New("no Python with flyte was found; name it with --python")
	c.findPython = func(context.Context) (python.Python, error) { return python.Python{}, sentence }
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); !errors.Is(err, sentence) {
		t.Errorf("Serve: %v", err)
	}
	if info, _ := (Home{c.StateDir}).Running(); info != nil {
		t.Error("it is still up")
	}
}

func TestInfo(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	home := Home{c.StateDir}
	s := start(t, c)
	eventually(t, "python is written down", func() bool { i, _ := home.Running(); return i != nil && i.SDK == "2.12.1" })
	if st, err := os.Stat(home.infoFile()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("server.json: %v, %v", st.Mode(), err)
	}
	s.Shutdown(context.Background(), Abort, "")
	if info, err := home.Running(); info != nil || err != nil {
		t.Errorf("after the end: %v, %v", info, err)
	}
	// What a killed server leaves says nothing.
	if err := home.announce(Info{PID: 1}); err != nil {
		t.Fatal(err)
	}
	if info, err := home.Running(); info != nil || err != nil {
		t.Errorf("a dead server is told as up: %v, %v", info, err)
	}
}

// Abort ends what runs; Keep leaves it to the next server.
func TestEndings(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s := start(t, c)
	kept := createRun(t, s, "rkeep", "hold")
	newsUntil(t, s, kept, NewsStarted)
	s.Shutdown(context.Background(), Keep, "")

	next := newFakeLauncher()
	c.launcher = next
	s = start(t, c)
	eventually(t, "adopted", func() bool { return next.count(&next.adopted) == 1 })
	if n := next.count(&next.launched); n != 0 {
		t.Errorf("%d attempts were launched again", n)
	}
	close(next.release)
	if over := last(newsUntil(t, s, kept, NewsOver)); over.Verdict != executor.Succeeded {
		t.Errorf("the kept run: %+v", over)
	}

	next.mu.Lock()
	next.release = make(chan struct{})
	next.mu.Unlock()
	aborted := createRun(t, s, "rabort", "hold")
	newsUntil(t, s, aborted, NewsStarted)
	s.Shutdown(context.Background(), Abort, "because of this test")
	c.launcher = newFakeLauncher()
	s = start(t, c)
	over := last(newsUntil(t, s, aborted, NewsOver))
	if over.Verdict != executor.Aborted || over.Message != "because of this test" || *over.ExitCode != 130 {
		t.Errorf("the aborted run: %+v", over)
	}
}

func last(news []News) News { return news[len(news)-1] }

// A watch ends with the server.
func TestShutdownEndsStreams(t *testing.T) {
	s := start(t, testConfig(t, newFakeLauncher()))
	id := createRun(t, s, "rhold", "hold")
	ended := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		c := NewClient(s.listener.Addr().String())
		defer c.Close()
		ended <- c.News(context.Background(), id, func(n News) error {
			if n.Type == NewsStarted {
				close(started)
			}
			return nil
		})
	}()
	<-started
	s.Shutdown(context.Background(), Keep, "")
	if err := <-ended; err == nil {
		t.Error("the stream ended without telling so")
	}
}

// While it goes down, a server takes no new runs and says so in a way that
// clients try again.
func TestStoppingRefusesRuns(t *testing.T) {
	s := start(t, testConfig(t, newFakeLauncher()))
	s.stopping.Store(true)
	res, err := http.Post(s.url()+"/flyteidl2.workflow.RunService/CreateRun", "application/proto", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", res.StatusCode)
	}
}

// Tasks of unfinished runs find the next server where the last one was.
func TestFormerAddress(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s := start(t, c)
	first := s.listener.Addr().String()
	id := createRun(t, s, "rhold", "hold")
	newsUntil(t, s, id, NewsStarted)
	s.Shutdown(context.Background(), Keep, "")

	s = start(t, c) // any port will do: the old one will do best
	if got := s.listener.Addr().String(); got != first {
		t.Errorf("listens at %s, want %s", got, first)
	}
	s.Shutdown(context.Background(), Keep, "")

	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Listen = other.Addr().String()
	other.Close()
	s = start(t, c)
	if code, _ := fetch(t, "http://"+first+"/healthz"); code != 200 || s.former == nil {
		t.Errorf("nobody answers at %s", first)
	}
}

func TestStorageEnv(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s := start(t, c)
	want := s.parts.objects.RootCredentials()
	env, err := Home{c.StateDir}.StorageEnv("localhost:1")
	if err != nil || len(env) != 3 || env[0].Value != "http://localhost:1" || env[1].Value != want.AccessKey || env[2].Value != want.SecretKey {
		t.Errorf("%v, %v; the store has %v", env, err, want)
	}
	path, err := Home{c.StateDir}.ClientConfig("p", "d")
	if data, _ := os.ReadFile(path); err != nil || !strings.Contains(string(data), "project: p") {
		t.Errorf("%s, %v", data, err)
	}
}

// A run's keys open what is its own to write, while it lasts.
func TestGrants(t *testing.T) {
	s := start(t, testConfig(t, newFakeLauncher()))
	id := createRun(t, s, "rhold", "hold")
	now := time.Now
	g := &grants{store: s.parts.objects, now: func() time.Time { return now() }, lookUp: s.parts.run}
	access, secret := g.credentials(id)
	if secret == "" || strings.Contains(access, "rhold") {
		t.Errorf("keys %q %q", access, secret)
	}
	grant, ok := g.authorize(access)
	if !ok || len(grant.Write) != 1 || grant.Write[0] != "runs/demo/development/rhold" {
		t.Errorf("grant %+v, %v", grant, ok)
	}
	if !strings.HasPrefix(objects.URI(grant.Write[0]), "s3://"+objects.Bucket+"/runs/") {
		t.Error("not where outputs lie")
	}
	if _, ok := g.authorize("RUNunknown"); ok {
		t.Error("a key that nobody was given opens something")
	}
	if _, ok := g.authorize("ROOTx"); ok {
		t.Error("somebody else's key opens something")
	}
	if err := s.parts.engine.AbortRun(id, ""); err != nil {
		t.Fatal(err)
	}
	if _, ok := g.authorize(access); !ok {
		t.Error("an aborted task cannot write its last words")
	}
	now = func() time.Time { return time.Now().Add(2 * lastWords) }
	if _, ok := g.authorize(access); ok {
		t.Error("the key outlives its run")
	}
}
