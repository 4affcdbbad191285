// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
)

// bare takes away what the machine's own docker settings would change.
func bare(t *testing.T) (configDir string) {
	t.Helper()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	return t.TempDir()
}

// addContext writes a docker context, with TLS material if there is a CA.
func addContext(t *testing.T, dir, name, host string, ca []byte) {
	t.Helper()
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	err := contexts.CreateOrUpdate(store.Metadata{Name: name, Endpoints: map[string]any{docker.DockerEndpoint: docker.EndpointMeta{Host: host}}})
	if err == nil && ca != nil {
		err = contexts.ResetTLSMaterial(name, &store.ContextTLSData{Endpoints: map[string]store.EndpointTLSData{
			docker.DockerEndpoint: {Files: map[string][]byte{"ca.pem": ca}},
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	for name, tc := range map[string]struct {
		config                 Config
		host, context, current string // DOCKER_HOST, DOCKER_CONTEXT, currentContext
		want, origin           string
		refused, remedy        string
	}{
		"nothing":               {want: "unix:///var/run/docker.sock", origin: "the default socket"},
		"given":                 {config: Config{Host: "unix:///a"}, host: "unix:///b", context: "one", want: "unix:///a", origin: "the endpoint that was given"},
		"DOCKER_HOST":           {host: "tcp://h:1", context: "one", current: "two", want: "tcp://h:1", origin: "DOCKER_HOST"},
		"DOCKER_CONTEXT":        {context: "one", current: "two", want: "tcp://one:1", origin: "context one"},
		"current context":       {current: "two", want: "ssh://two", origin: "context two"},
		"default context":       {context: "default", current: "two", want: "unix:///var/run/docker.sock", origin: "the default socket"},
		"given context":         {config: Config{Context: "one"}, host: "unix:///b", want: "tcp://one:1", origin: "context one"},
		"both":                  {config: Config{Context: "one", Host: "unix:///a"}, refused: "both an engine's endpoint", remedy: "leave one of them out"},
		"no such context":       {context: "three", refused: `docker context "three"`, remedy: "docker context ls"},
		"no current context":    {current: "three", refused: `docker context "three"`, remedy: "currentContext of"},
		"no scheme":             {host: "/var/run/docker.sock", refused: `"/var/run/docker.sock" is no engine's endpoint (DOCKER_HOST)`, remedy: "unix:///path"},
		"context for no engine": {context: "empty", refused: `docker context "empty"`, remedy: "choose another"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := bare(t)
			addContext(t, dir, "one", "tcp://one:1", nil)
			addContext(t, dir, "two", "ssh://two", nil)
			addContext(t, dir, "empty", "", nil)
			if tc.current != "" {
				write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"currentContext":%q}`, tc.current), 0o600)
			}
			t.Setenv("DOCKER_CONFIG", dir)
			t.Setenv("DOCKER_HOST", tc.host)
			t.Setenv("DOCKER_CONTEXT", tc.context)
			got, err := resolve(tc.config)
			if tc.refused != "" {
				if !isUnsupported(err, tc.refused, tc.remedy) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || got.origin != tc.origin || got.host != tc.want && tc.origin != "the default socket" {
				t.Errorf("%s (%s), %v; want %s (%s)", got.host, got.origin, err, tc.want, tc.origin)
			}
		})
	}
}

// The program ssh is this test's binary, which hands on to the fake's socket
// (TestMain), or a script that fails as the real one does.
func TestSSH(t *testing.T) {
	dir, bin := bare(t), t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	ssh := filepath.Join(bin, "ssh")
	write(t, ssh, "#!/bin/sh\necho 'me@there: Permission denied (publickey).' >&2\nexit 255\n", 0o755)
	addContext(t, dir, "there", "ssh://me@there", nil)
	if _, err := Open(t.Context(), Config{ConfigDir: dir, Context: "there"}); !isUnsupported(err, "Permission denied (publickey)", "`ssh`") {
		t.Errorf("%v", err)
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	t.Setenv(sshVariable, strings.TrimPrefix(f.host, "unix://"))
	if err := errors.Join(os.Remove(ssh), os.Symlink(self, ssh)); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Config{ConfigDir: dir, Context: "there"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Info().Version != "1.2.3" || e.Info().Local || e.Info().Origin != "context there" {
		t.Errorf("%+v", e.Info())
	}
}

func TestBrokenConfig(t *testing.T) {
	dir := bare(t)
	write(t, filepath.Join(dir, "config.json"), "{", 0o600)
	if _, err := Open(t.Context(), Config{ConfigDir: dir}); !isUnsupported(err, "config.json", "mend the file") {
		t.Errorf("%v", err)
	}
}

func TestUsualSockets(t *testing.T) {
	bare(t)
	if got := strings.Join(usualSockets(), " "); got != "/var/run/docker.sock /run/podman/podman.sock" {
		t.Errorf("%s", got)
	}
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got := strings.Join(usualSockets(), " "); got != "/var/run/docker.sock /run/user/7/docker.sock /run/user/7/podman/podman.sock /run/podman/podman.sock" {
		t.Errorf("%s", got)
	}
}

func TestFirstOf(t *testing.T) {
	dir, err := os.MkdirTemp("", "run") // short: see newFake
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	absent, file, last := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, file, "", 0o600)
	if got := firstOf([]string{absent, file}); got != absent {
		t.Errorf("with no socket at all: %s", got)
	}
	listener, err := net.Listen("unix", last)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if got := firstOf([]string{absent, file, last}); got != last {
		t.Errorf("%s, want %s", got, last)
	}
}

// What stands in the way, and the way out.
func TestOpenRefused(t *testing.T) {
	stale := filepath.Join(t.TempDir(), "sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	_ = listener.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	address := func(s *httptest.Server) string { return "tcp://" + s.Listener.Addr().String() }
	for name, tc := range map[string]struct{ host, verify, what, remedy string }{
		"absent":          {host: "unix:///no/such/sock", what: "no container engine runs at unix:///no/such/sock (DOCKER_HOST)", remedy: "systemctl start docker"},
		"absent podman":   {host: "unix:///no/podman.sock", what: "no container engine runs", remedy: "systemctl start podman.socket"},
		"stale":           {host: "unix://" + stale, what: "no container engine answers", remedy: "change DOCKER_HOST"},
		"nobody on TCP":   {host: "tcp://" + dead.Addr().String(), what: "no container engine answers", remedy: "change DOCKER_HOST"},
		"web server":      {host: address(plain), what: "cannot be used", remedy: "docker version"},
		"TLS unasked":     {host: address(secure), what: "no trusted connection", remedy: "DOCKER_TLS_VERIFY=1"},
		"TLS not trusted": {host: address(secure), verify: "1", what: "no trusted connection", remedy: "DOCKER_CERT_PATH"},
		"bad scheme":      {host: "carrier://pigeon", what: "carrier", remedy: "DOCKER_HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := bare(t)
			t.Setenv("DOCKER_HOST", tc.host)
			t.Setenv("DOCKER_TLS_VERIFY", tc.verify)
			_, err := Open(t.Context(), Config{ConfigDir: dir})
			if !isUnsupported(err, tc.what, tc.remedy) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	for _, tc := range []struct {
		t            target
		err          error
		what, remedy string
	}{
		{target{host: "unix://" + dockerSocket, origin: "the default socket"}, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, "no permission", "usermod -aG docker"},
		{target{host: "unix://" + dockerSocket, origin: "the default socket"}, fs.ErrNotExist, "no", "DOCKER_HOST"},
		{target{host: "ssh://me@there", origin: "context there"}, errors.New("error during connect: command [ssh] has exited with exit status 255"), "over ssh://me@there", "`ssh`"},
	} {
		if err := tc.t.refuse(tc.err); !isUnsupported(err, tc.what, tc.remedy) {
			t.Errorf("%v", err)
		}
	}
}

// An engine over TLS, by the variables and by a context.
func TestTLS(t *testing.T) {
	f := newFake(t)
	server := httptest.NewTLSServer(f)
	defer server.Close()
	server.TLS.MinVersion = tls.VersionTLS12
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	host := "tcp://" + server.Listener.Addr().String()

	dir := bare(t)
	certs := t.TempDir()
	write(t, filepath.Join(certs, "ca.pem"), string(ca), 0o600)
	addContext(t, dir, "remote", host, ca)
	check := func(c Config) {
		t.Helper()
		e, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if e.Info().Local || !strings.Contains(e.Info().Remote, "over the network") {
			t.Errorf("%+v", e.Info())
		}
	}
	check(Config{ConfigDir: dir, Context: "remote"})
	t.Setenv("DOCKER_HOST", host)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", certs)
	check(Config{ConfigDir: dir})
}
