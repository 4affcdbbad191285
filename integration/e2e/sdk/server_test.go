// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a drydock up with a machine of its own: state directory, leases,
// and a home for the clients that use it. It can be killed and started again.
type server struct {
	dir, venv string
	flags     []string // beside the usual ones
	sandbox   []string // --native, mostly
	engine    string   // DOCKER_HOST; "": none is to be found
	images    []string // variables by which programs find images
	listen    string
	endpoint  string
	log       *output // of all its processes
	process   *process
	storage   []string // environment by which clients reach its storage
}

func newServer(t testing.TB, venv string, flags ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp(shared.scratch, "server-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir, venv: venv, flags: flags, sandbox: []string{"--native"}, listen: "127.0.0.1:0", log: &output{}}
	if err := errors.Join(os.Mkdir(s.home(), 0o755), os.Mkdir(s.leases(), 0o755)); err != nil {
		t.Fatal(err)
	}
	return s
}

// own starts a server for one test, and stops it at its end.
func own(t testing.TB, flags ...string) *server {
	t.Helper()
	s := newServer(t, sdk(t, newest), flags...)
	s.start(t)
	s.watch(t)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) home() string   { return filepath.Join(s.dir, "home") }
func (s *server) state() string  { return filepath.Join(s.dir, "state") }
func (s *server) leases() string { return filepath.Join(s.dir, "leases") }

// env is the environment of drydock itself.
func (s *server) env() []string {
	env := append(withoutFlyte(os.Environ()), "HOME="+s.home(), "DRYDOCK_STATE_DIR="+s.state(), "DRYDOCK_LEASE_DIR="+s.leases())
	if s.engine != "" {
		env = append(env, "DOCKER_HOST="+s.engine)
	}
	return env
}

// withoutFlyte keeps a developer's own settings out of the tests.
func withoutFlyte(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool {
		return strings.HasPrefix(v, "FLYTE") || strings.HasPrefix(v, "_U_") || strings.HasPrefix(v, "VIRTUAL_ENV=") || strings.HasPrefix(v, "UCTL_")
	})
}

func (s *server) command(args ...string) []string {
	return append([]string{shared.bin + "/drydock"}, args...)
}

// start brings the server up and waits until it says that it is.
func (s *server) start(t testing.TB) {
	t.Helper()
	drydock(t) // builds
	args := slices.Concat([]string{"up", "--json", "--listen", s.listen, "--python", s.venv}, s.sandbox, s.flags)
	s.process = s.launch(t, args...)
	var ready struct {
		Type   string
		Server struct{ Endpoint string }
	}
	within(t, 30*time.Second, "drydock up never said that it is ready", func() bool {
		line, _, whole := strings.Cut(s.process.out.String(), "\n")
		select {
		case <-s.process.done:
			t.Fatalf("drydock up ended: %v\n%s", s.process.err, s.process.out)
		default:
		}
		return whole && json.Unmarshal([]byte(line), &ready) == nil && ready.Type == "ready"
	})
	s.endpoint = ready.Server.Endpoint
	_, port, err := net.SplitHostPort(s.endpoint)
	if err != nil {
		t.Fatalf("the endpoint %q: %v", s.endpoint, err)
	}
	s.listen = "127.0.0.1:" + port // the same one after a restart
	s.storage = s.askStorage(t)
	s.configure(t)
}

// launch runs the server beyond the test that happens to start it.
func (s *server) launch(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(shared.bin, "drydock"), args...), out: &output{}, name: "drydock up", done: make(chan struct{})}
	p.Env, p.Dir = s.env(), s.dir
	both := io.MultiWriter(p.out, s.log)
	p.Stdout, p.Stderr = both, both
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.WaitDelay = 5 * time.Second
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Wait()
		close(p.done)
	}()
	return p
}

// askStorage is what a user does who wants to read results on this machine.
func (s *server) askStorage(t testing.TB) []string {
	t.Helper()
	cmd := exec.Command("sh", "-ec", `eval "$("$0" status --env)"; env`, filepath.Join(shared.bin, "drydock"))
	cmd.Env = s.env()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("drydock status --env: %v\n%s", err, out)
	}
	var vars []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "FLYTE_AWS_") {
			vars = append(vars, strings.TrimSpace(line))
		}
	}
	return vars
}

// configure writes the SDK's configuration file, for its command line.
func (s *server) configure(t testing.TB) {
	t.Helper()
	dir := filepath.Join(s.home(), ".flyte")
	text := fmt.Sprintf("admin:\n  endpoint: dns:///%s\n  insecure: true\ntask:\n  project: proofs\n  domain: development\n", s.endpoint)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server as a crash does: nothing is told, nothing tidied up.
func (s *server) kill(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.process.done
}

// stop ends the server in order.
func (s *server) stop() error {
	if s.process == nil {
		return nil
	}
	select {
	case <-s.process.done:
		return fmt.Errorf("the server had ended by itself: %w", s.process.err)
	default:
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.process.done:
		return s.process.err
	case <-time.After(60 * time.Second):
		_ = s.process.Process.Kill()
		return errors.New("the server did not end within a minute of SIGTERM")
	}
}

// watch shows what the server said during a test that failed.
func (s *server) watch(t testing.TB) {
	from := s.log.len()
	log := s.log
	t.Cleanup(func() {
		if text := log.String(); t.Failed() && from < len(text) {
			t.Logf("the server said:\n%s", abridged(text[from:]))
		}
	})
}

// abridged leaves out the samples, and the middle of what is too much.
func abridged(text string) string {
	var b strings.Builder
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if line := lines.Text(); !strings.Contains(line, `"type":"sample"`) {
			b.WriteString(line[:min(len(line), 600)] + "\n")
		}
	}
	const most = 20000
	if b.Len() <= most {
		return b.String()
	}
	return b.String()[:most/2] + "\n…\n" + b.String()[b.Len()-most/2:]
}
