// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drydock/integration/flyte/launch/python"
	"drydock/sandbox"
)

// bridged is a configuration for tasks on a bridge whose address here is on
// loopback, too: any of 127.0.0.0/8 can be listened on.
func bridged(t *testing.T) Config {
	c := testConfig(t, newFakeLauncher())
	c.Images = &Images{Engine: "Fake Engine 1.0", Network: sandbox.NetworkBridge, Gateway: netip.MustParseAddr("127.0.0.2")}
	return c
}

// fromContainer asks the server as a container at another address does.
func fromContainer(s *Server, host string) int {
	r := httptest.NewRequest("GET", "http://x/healthz", nil)
	r.Host, r.RemoteAddr = host, "172.17.0.9:40000"
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(172, 17, 0, 1), Port: 8090}))
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w.Code
}

func TestListensOnTheBridge(t *testing.T) {
	s := start(t, bridged(t))
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if code, body := fetch(t, "http://127.0.0.2:"+port+"/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	if _, err := net.Dial("tcp", "127.0.0.3:"+port); err == nil {
		t.Error("it listens on other addresses, too")
	}
	if i := s.Info(); i.Sandbox != "auto" || i.Engine != "Fake Engine 1.0" || i.Network != "bridge" {
		t.Errorf("it says %v", i)
	}
}

// Tasks on a bridge come in by the name that their run was given, and nobody
// else who is on it.
func TestOnlyTasksComeFromTheBridge(t *testing.T) {
	c := bridged(t)
	s := start(t, c)
	run := createRun(t, s, "r1", "hold")
	at := s.inside(s.parts.keys, run)
	name := strings.TrimSuffix(at.Name, insideDomain)
	if len(name) > 63 || at.Hosts[0] != at.Name+":127.0.0.2" || !strings.HasPrefix(at.API, at.Name+":") || at.S3 != "http://"+at.API || strings.Contains(at.Shown, name) {
		t.Fatalf("inside it is %+v", at)
	}
	other := createRun(t, s, "r2", "hold")
	unknown := s.parts.keys.label(run)[:idDigits] + s.parts.keys.label(other)[idDigits:]
	for host, want := range map[string]int{
		at.API: 200, at.Name: 200, strings.ToUpper(at.API): 200,
		s.inside(s.parts.keys, other).API: 200,
		"172.17.0.1:8090":                 401, "localhost:8090": 401, "host.docker.internal:8090": 401,
		insideDomain: 401, "x" + insideDomain: 401, unknown + insideDomain: 401, name: 401,
		name[:len(name)-1] + "g" + insideDomain: 401, at.Name + ".evil.example": 401, strings.Repeat("z", 63) + insideDomain: 401,
	} {
		if got := fromContainer(s, host); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

func TestTheNameEndsWithTheRun(t *testing.T) {
	c := bridged(t)
	var later atomic.Int64
	c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	s := start(t, c)
	run := createRun(t, s, "r1", "ok")
	newsUntil(t, s, run, NewsOver)
	at := s.inside(s.parts.keys, run)
	if got := fromContainer(s, at.API); got != 200 {
		t.Errorf("its last words: %d", got)
	}
	later.Store(int64(lastWords + time.Hour))
	if got := fromContainer(s, at.API); got != 401 {
		t.Errorf("afterwards: %d", got)
	}
}

// The next server takes the same name from tasks that the last one started.
func TestTheNameOutlivesTheServer(t *testing.T) {
	c := bridged(t)
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	at := s.inside(s.parts.keys, createRun(t, s, "r1", "hold"))
	if s.parts.keys.reached(createRun(t, s, "r2", "hold")) {
		t.Error("a run whose tasks have asked for nothing has reached it")
	}
	s.Shutdown(t.Context(), Keep, "")
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	next := start(t, c)
	if got := fromContainer(next, at.API); got != 200 {
		t.Errorf("%d", got)
	}
	if _, port, _ := net.SplitHostPort(at.API); !strings.HasSuffix(next.bridge.Addr().String(), ":"+port) {
		t.Errorf("it listens at %s, and its tasks look at %s", next.bridge.Addr(), at.API)
	}
}

func TestNoWayFromTheBridge(t *testing.T) {
	for name, tc := range map[string]struct {
		gateway netip.Addr
		words   string
	}{
		"no bridge":         {netip.Addr{}, "has no bridge that leads to this machine"},
		"another machine's": {netip.MustParseAddr("192.0.2.1"), "192.0.2.1 port"},
	} {
		t.Run(name, func(t *testing.T) {
			c := bridged(t)
			c.Images.Gateway = tc.gateway
			_, err := New(c)
			bridge, ok := errors.AsType[*BridgeError](err)
			if !ok || !strings.Contains(bridge.Error(), tc.words) || !strings.Contains(bridge.Error(), "--network host") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// On the machine's own network tasks know the server as everybody does.
func TestHostNetwork(t *testing.T) {
	c := bridged(t)
	c.Images.Network, c.Images.Gateway, c.Images.Only = sandbox.NetworkHost, netip.Addr{}, true
	s := start(t, c)
	if at := s.inside(s.parts.keys, createRun(t, s, "r1", "hold")); at.API != s.Info().Endpoint || at.Hosts != nil || s.bridge != nil {
		t.Errorf("inside it is %+v", at)
	}
	if got := s.Info().Sandbox; got != "docker" {
		t.Errorf("it says %s", got)
	}
}

// Images need no Python of this machine's.
func TestImagesWithoutPython(t *testing.T) {
	c := bridged(t)
	c.findPython = func(context.Context) (python.Python, error) { return python.Python{}, errors.New("none") }
	s := start(t, c) // whose end is checked there
	<-s.python.done
	newsUntil(t, s, createRun(t, s, "r1", "ok"), NewsOver)
}

// Files of attempts that are over are removed; others are kept for them.
func TestClearsCarriedFiles(t *testing.T) {
	c := bridged(t)
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	run := createRun(t, s, "r1", "hold")
	actions, err := s.parts.engine.Actions(run)
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(s.home.carried(), actions[0].Last().TaskID)
	old := filepath.Join(s.home.carried(), "01K00000000000000000000000")
	for _, dir := range []string{mine, old} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.Shutdown(t.Context(), Keep, "")
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	start(t, c)
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the files of an attempt that is over are still there")
	}
}

// What an attempt runs in is news, and outlives the server; one for tasks
// without images says that it may not be reached from there.
func TestImageIsRemembered(t *testing.T) {
	c := bridged(t)
	l := newFakeLauncher()
	l.image = "img:1"
	c.launcher = l
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	run := createRun(t, s, "r1", "hold")
	all := newsUntil(t, s, run, NewsStarted)
	if n := all[len(all)-1]; n.Sandbox != "docker" || n.Image != "img:1" {
		t.Errorf("started in %q, %q", n.Sandbox, n.Image)
	}
	s.Shutdown(t.Context(), Keep, "")
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Images, c.launcher, c.Log = nil, newFakeLauncher(), slog.New(slog.NewTextHandler(&log, nil))
	next, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Shutdown(context.Background(), Keep, "")
	if !strings.Contains(log.String(), "may not reach this one") {
		t.Errorf("it said: %s", &log)
	}
}
