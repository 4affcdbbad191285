// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"drydock/integration/flyte"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/launch/python"
)

// runFlyte is drydock flyte: it sees to an endpoint, runs flyte against it and
// follows the run that flyte made.
func runFlyte(ctx context.Context, w World, o flyteOptions, args []string) error {
	survivePipes(w)
	if len(args) == 0 {
		return usagef("drydock flyte run main.py main; see drydock flyte --help", "drydock flyte needs a verb of flyte's")
	}
	call, err := parseFlyte(args)
	if err != nil {
		return err
	}
	o.Listen = "127.0.0.1:0"
	c, err := upConfig(ctx, w, o.upOptions)
	if err != nil {
		return err
	}
	end, err := openEndpoint(ctx, w, o, c)
	if err != nil {
		return serverError(err)
	}
	defer end.close()
	env, err := (flyte.Home{StateDir: c.StateDir}).StorageEnv(end.endpoint)
	if err != nil {
		return fmt.Errorf("read the keys of the object storage: %w", err)
	}
	f := &flyteRun{w: w, o: o, call: call, end: end, home: flyte.Home{StateDir: c.StateDir}, client: flyte.NewClient(end.endpoint), env: env}
	defer func() { f.current().Close() }()
	return f.run(ctx)
}

// endpointHandle is what flyte talks to, and what is to be done when it is done.
type endpointHandle struct {
	endpoint string
	python   python.Python
	private  bool
	close    func()
}

// openEndpoint finds the server of the state directory, or becomes it.
func openEndpoint(ctx context.Context, w World, o flyteOptions, c flyte.Config) (endpointHandle, error) {
	home := flyte.Home{StateDir: c.StateDir}
	info, err := home.Running()
	if err != nil {
		return endpointHandle{}, err
	}
	if info == nil && o.Keep {
		started, err := detachSomewhere(w, o.upOptions, c)
		if err != nil {
			return endpointHandle{}, err
		}
		info = &started
	}
	if info == nil {
		c.Private = true
		if s, err := upSandbox(w, o.upOptions); err == nil {
			retainRuns(ctx, w, s, true)
		}
		c.Log = slog.New(logLines{func(text string) { fmt.Fprintf(w.Stderr, "drydock: %s\n", text) }})
		end, err := servePrivately(ctx, c)
		var inUse *flyte.InUseError
		if !errors.As(err, &inUse) || inUse.Info == nil {
			return end, err
		}
		info = inUse.Info // another one was quicker
	}
	if info.PID == 0 {
		return endpointHandle{}, &flyte.InUseError{StateDir: c.StateDir}
	}
	p, err := python.Find(ctx, c.Python, c.Getenv)
	return endpointHandle{endpoint: info.Endpoint, python: p, close: func() {}}, err
}

// detachSomewhere starts a server in the background, at the usual port if it
// is free.
func detachSomewhere(w World, o upOptions, c flyte.Config) (flyte.Info, error) {
	c.Listen = flyte.DefaultListen
	info, err := detach(w, o, c)
	if err != nil && strings.Contains(err.Error(), flyte.PortInUse) { // it comes as a text, from another process
		c.Listen = "127.0.0.1:0"
		info, err = detach(w, o, c)
	}
	return info, err
}

// servePrivately serves in this process until close.
func servePrivately(ctx context.Context, c flyte.Config) (endpointHandle, error) {
	s, err := flyte.New(c)
	if err != nil {
		return endpointHandle{}, err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	p, err := s.Python(ctx)
	if err != nil {
		s.Shutdown(ctx, flyte.Keep, "")
		<-served
		return endpointHandle{}, err
	}
	return endpointHandle{endpoint: s.Info().Endpoint, python: p, private: true, close: func() {
		s.Shutdown(context.Background(), flyte.Abort, "the drydock flyte that served it ended")
		<-served
	}}, nil
}

// flyteRun is one drydock flyte under way.
type flyteRun struct {
	w      World
	o      flyteOptions
	call   flyteCall
	end    endpointHandle
	home   flyte.Home
	env    []flyte.Variable
	mu     sync.Mutex // guards client, which another server's may replace
	client *flyte.Client

	settings flyteSettings
	id       engine.RunID // of the run that flyte makes, when it does
	signals  chan os.Signal
}

func (f *flyteRun) run(ctx context.Context) error {
	f.signals = make(chan os.Signal, 4)
	for sig := range stopSignals {
		if !signal.Ignored(sig) {
			f.w.Notify(f.signals, sig)
		}
	}
	defer f.w.Unnotify(f.signals)
	f.settings = readFlyteConfig(f.w, f.call.global)
	f.id = engine.RunID{
		Project: cmp.Or(f.call.project, f.settings.project, defaultProject),
		Domain:  cmp.Or(f.call.domain, f.settings.domain, defaultDomain),
		Name:    cmp.Or(f.call.name, newRunName()),
	}
	code, stopped, err := f.flyte()
	if err != nil {
		return err
	}
	if !f.call.makesRun() || f.call.local {
		return exitWith(code)
	}
	made, err := f.exists(ctx)
	switch {
	case err != nil:
		return &userError{what: fmt.Sprintf("whether run %s was made is not known: %v", f.id.Name, err),
			remedy: "drydock up, then flyte get run " + f.id.Name, cause: err}
	case made:
		return f.follow(ctx, stopped)
	case code == 0 && f.call.verb == "rerun" && !f.call.help():
		return exitWith(1) // flyte rerun says what went wrong, and exits with 0
	}
	return exitWith(code)
}

// exists reports whether flyte made the run. Where the endpoint went away
// meanwhile, the next one is asked.
func (f *flyteRun) exists(ctx context.Context) (bool, error) {
	made, err := f.current().Exists(ctx, f.id)
	if err == nil || f.end.private {
		return made, err
	}
	if !f.nextServer(ctx, func(text string) { fmt.Fprintf(f.w.Stderr, "drydock: %s\n", text) }) {
		return false, err
	}
	return f.current().Exists(ctx, f.id)
}

// exitWith ends drydock with flyte's own code.
func exitWith(code int) error {
	if code == 0 {
		return nil
	}
	return codeError{code}
}

// flyte runs the flyte program to its end. stopped says that a signal came
// meanwhile.
func (f *flyteRun) flyte() (code int, stopped bool, err error) {
	program, err := flyteProgram(f.end.python)
	if err != nil {
		return 0, false, err
	}
	name := ""
	if f.call.makesRun() && !f.call.local {
		name = f.id.Name
	}
	line := f.call.command(program, f.end.endpoint, name)
	cmd := exec.Command(line[0], line[1:]...)
	if cmd.Env, err = f.environ(); err != nil {
		return 0, false, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f.w.Stdin, f.w.Stdout, f.w.Stderr
	if f.o.JSON && f.call.makesRun() {
		cmd.Stdout = f.w.Stderr // standard output is for JSON lines alone
	}
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("run %s: %w", program, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err = <-done:
			return processCode(cmd, err), stopped, nil
		case sig := <-f.signals:
			if stopped || sig != syscall.SIGINT { // a terminal sends that to flyte, too
				_ = cmd.Process.Signal(sig)
			}
			stopped = true
		}
	}
}

// processCode is a program's exit code as a shell would have it.
func processCode(cmd *exec.Cmd, err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	}
	if err != nil && cmd.ProcessState == nil {
		return exitFault
	}
	return cmd.ProcessState.ExitCode()
}

// environ is flyte's environment: the caller's, with the object storage, and a
// project and a domain where nobody names others.
func (f *flyteRun) environ() ([]string, error) {
	env := append([]string{}, f.w.Environ...)
	for _, v := range f.env {
		env = append(env, v.Name+"="+v.Value)
	}
	if f.settings.path == "" {
		// Without a file flyte does not look at the environment either.
		path, err := f.home.ClientConfig(defaultProject, defaultDomain)
		return append(env, envConfig+"="+path), err
	}
	if f.settings.project == "" {
		env = append(env, envProject+"="+defaultProject)
	}
	if f.settings.domain == "" {
		env = append(env, envDomain+"="+defaultDomain)
	}
	return env, nil
}

// flyteProgram is the flyte command of the environment that tasks run with.
func flyteProgram(p python.Python) (string, error) {
	for _, dir := range p.Path() {
		path := filepath.Join(dir, "flyte")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", usagef(p.Executable+" -m pip install --force-reinstall flyte", "the Python at %s has flyte but not its command", p.Executable)
}

// newRunName is a name as the server would invent one, made here so that the
// run can be found.
func newRunName() string { return "r" + strings.ToLower(rand.Text())[:19] }
