// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/integration/engines"
)

// imaged is a server whose tasks run in images of an engine, for one test.
func imaged(t *testing.T, e *engines.Engine, flags ...string) *server {
	t.Helper()
	s := newServer(t, sdk(t, newest), flags...)
	s.sandbox = nil
	s.engine = e.Socket
	s.images = []string{
		"PROOF_IMAGE=" + engines.SDKImage(t, e, filepath.Join("requirements", newest)),
		"PROOF_PLAIN=" + engines.Busybox(t, e),
	}
	s.start(t)
	s.watch(t)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The programs for which drydock exists, in images, with what only images can
// do, and what can be wrong with them.
func TestDockerImages(t *testing.T) {
	e := engines.Docker28(t)
	s := imaged(t, e, "--network", "bridge")
	registry := engines.NewRegistry(t)
	s.images = append(s.images, "PROOF_REMOTE="+registry.Push(t, e, engines.Busybox(t, e), "tools"), "PROOF_PRIVATE="+registry.Host()+"/private:1")
	registry.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/v2/private/") {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		return true
	})
	facts := s.prove(t, nil, "images.py")

	t.Log(facts["message"], facts["failures"])

	// Every attempt says what it ran in.
	run := fact(t, facts, "run")
	s.told(t, `"type":"started"`, run, `"sandbox":"docker"`, `"image":"drydock-test/sdk:newest"`, "the task names an image")
	s.told(t, `"type":"oom"`, fact(t, facts, "oom"))
	want(t, s.flyte(t, "get", "action", fact(t, facts, "oom"), fact(t, facts, "oom_action")).succeed(t), "OOMKilled")
	want(t, s.flyte(t, "get", "logs", fact(t, facts, "oom"), fact(t, facts, "oom_action")).succeed(t), "training with 400 MiB")

	// What was not there was pulled.
	s.told(t, `"type":"started"`, `"name":"fetched"`, registry.Host()+"/tools")

	// Tasks came in by a name of their own, and nobody else comes in by the
	// bridge.
	host, port, err := net.SplitHostPort(fact(t, facts, "inside"))
	if err != nil || !strings.HasSuffix(host, ".drydock.internal") || !strings.HasSuffix(s.endpoint, ":"+port) {
		t.Errorf("inside, the endpoint is %s:%s", host, port)
	}
	// Nothing of them is left.
	if left, err := os.ReadDir(filepath.Join(s.state(), "runs", "carried")); err == nil && len(left) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Each engine, on each network.
func TestDockerNetworks(t *testing.T) {
	for _, k := range engines.Kinds() {
		for _, network := range []string{"bridge", "host"} {
			t.Run(k.String()+"/"+network, func(t *testing.T) {
				s := imaged(t, engines.Shared(t, k), "--network", network)
				facts := s.prove(t, nil, "images.py", "hello", "fanout")
				if inside := fact(t, facts, "inside"); (inside == s.endpoint) != (network == "host") {
					t.Errorf("inside, the endpoint is %s; here it is %s", inside, s.endpoint)
				}
			})
		}
	}
}

// Tasks in images outlive a server that is killed, and end when they are
// aborted, as others do.
func TestDockerSurvives(t *testing.T) {
	s := imaged(t, engines.Docker28(t), "--network", "host")
	c := newConductor(t)
	c.hold("child", "stay")
	p := s.python(t, c, "survives.py", "parent")
	c.await(t, "child", 1)
	s.kill(t)
	s.start(t)
	c.release("child")
	p.proof(t)

	p = s.python(t, c, "aborted.py", "action")
	c.await(t, "stay", 1)
	run := p.early(t, "run")
	s.flyte(t, "abort", "action", run, s.child(t, run), "--reason", "enough of it").succeed(t)
	p.proof(t)
}

// Without an engine drydock up says so at its start, and what to do.
func TestDockerNotThere(t *testing.T) {
	s := newServer(t, sdk(t, newest))
	s.engine = "unix://" + filepath.Join(s.dir, "nobody.sock")
	refused(t, s.drydock(t, "up", "--listen", "127.0.0.1:0"), "nobody.sock", "--native runs tasks without images")
}
