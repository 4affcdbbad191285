// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"drydock/integration/flyte"
	"drydock/internal/config"
	"drydock/resources"
)

// runUp is drydock up: it serves until it is told to end.
func runUp(ctx context.Context, w World, o upOptions) error {
	survivePipes(w)
	c, err := upConfig(ctx, w, o)
	if err != nil {
		return upFailed(w, o, err)
	}
	if s, err := upSandbox(w, o); err == nil && !o.Detach {
		retainRuns(ctx, w, s, o.Quiet || o.JSON)
		defer retaining(ctx, w, s, o.Quiet || o.JSON)()
	}
	if o.Detach {
		info, err := detach(w, o, c)
		if err != nil {
			return upFailed(w, o, err)
		}
		return tellDetached(w, o, c, info)
	}
	out := newUpPrinter(w, o, c.StateDir)
	defer out.stop()
	c.Log = slog.New(out.logs())
	return out.stopped(serve(ctx, w, c, out))
}

// serve runs a server until a signal ends it.
func serve(ctx context.Context, w World, c flyte.Config, out upPrinter) error {
	s, err := flyte.New(c)
	if err != nil {
		return serverError(err)
	}
	signals := listenForEnd(w, s, out)
	defer signals.stop()
	go func() {
		// Nobody else ends this context; it is the tests' way.
		<-ctx.Done()
		s.Shutdown(context.Background(), flyte.Keep, "")
	}()
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	// A Python that cannot be had is the likeliest mishap: it should be all
	// that is read. Looking for it takes a twentieth of a second.
	quick, cancel := context.WithTimeout(ctx, pythonMoment)
	defer cancel()
	if _, err := s.Python(quick); err == nil || quick.Err() != nil || c.Images != nil {
		out.ready(s.Info())
		go func() {
			if p, err := s.Python(ctx); err == nil {
				out.python(p)
			} else if c.Images != nil {
				out.noPython(err)
			}
		}()
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		_ = s.Watch(context.Background(), nil, func(n flyte.News) error { out.tell(n); return nil })
	}()
	select {
	case err = <-done:
		<-watched // what was news is told before the end
		return serverError(err)
	case <-signals.leave:
		return codeError{exitInterrupted}
	}
}

// pythonMoment is how long the good news waits for the bad.
const pythonMoment = 300 * time.Millisecond

// upConfig makes a server's configuration of what was written.
func upConfig(ctx context.Context, w World, o upOptions) (flyte.Config, error) {
	var c flyte.Config
	s, err := upSandbox(w, o)
	if err != nil {
		return c, err
	}
	if o.MaxQueued < 0 {
		return c, usagef("accepted: 1 or more", "--max-queued: %d actions are too few", o.MaxQueued)
	}
	if o.Secrets != "" {
		if o.Secrets, err = secretsDir(o.Secrets); err != nil {
			return c, err
		}
	}
	c = flyte.Config{
		StateDir: s.Get("state_dir").Text, Listen: o.Listen, Python: o.Python, SecretsDir: o.Secrets, MaxQueued: o.MaxQueued,
		Getenv: func(name string) string { v, _ := w.env(name); return v }, Version: w.Build.Version, Now: w.Now,
	}
	if c.Listen == "" {
		c.Listen = flyte.DefaultListen
	}
	if o.TokenFile != "" {
		if c.Token, err = flyte.ReadToken(o.TokenFile); err != nil {
			return c, &userError{what: "--token-file: " + err.Error(), cause: err}
		}
	}
	if err := flyte.CheckListen(c.Listen, c.Token != ""); err != nil {
		return c, &userError{what: err.Error(), cause: err}
	}
	if c.Images, err = upImages(ctx, w, s); err != nil {
		return c, err
	}
	return c, serverExecutor(w, s, &c)
}

// serverExecutor gives a configuration what runs its attempts.
func serverExecutor(w World, s *config.Settings, c *flyte.Config) error {
	profile, _, err := loadProfile(s.Get("profile"))
	if err != nil {
		return err
	}
	c.Profile = resources.DefaultProfile()
	if profile = gpuRule(s, profile); profile != nil {
		c.Profile = *profile
	}
	if c.Images == nil { // what all tasks need has to be there
		if _, err := w.Sandboxes.Native(placeOf(s)); err != nil {
			return err
		}
	}
	// Both sandboxes all the same: an earlier server may have left attempts in
	// the other one, which are looked after there.
	c.Executor, err = executorFor(w, s, ignoreStrays{}, "auto")
	return err
}

func upSettings(o upOptions) map[string]string {
	flags := map[string]string{}
	if o.Given["sandbox"] {
		flags["sandbox"] = o.Sandbox
	}
	if o.Native {
		flags["sandbox"] = sandboxNative
	}
	if o.Given["network"] {
		flags["network"] = o.Network
	}
	if o.Given["profile"] {
		flags["profile"] = o.Profile
	}
	if o.Given["node"] {
		flags["node"] = o.Node
	}
	if o.Given["state-dir"] {
		flags["state_dir"] = o.StateDir
	}
	o.gpuOptions.settings(o.Given, flags)
	return flags
}

func secretsDir(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", &userError{what: fmt.Sprintf("--secrets %s: %s", dir, reason(err)), remedy: "name a directory that holds a file for each secret", cause: err}
	}
	if !info.IsDir() {
		return "", usagef("name a directory that holds a file for each secret", "--secrets %s is no directory", dir)
	}
	return filepath.Abs(dir)
}

// serverError makes a sentence for people of what ended a server.
func serverError(err error) error {
	if err == nil {
		return nil
	}
	var inUse *flyte.InUseError
	var listen *flyte.ListenError
	var bridge *flyte.BridgeError
	if errors.As(err, &inUse) || errors.As(err, &listen) || errors.As(err, &bridge) {
		return &userError{what: err.Error(), cause: err}
	}
	return err
}

const exitInterrupted = 130

// endSignals tell a server to end; SIGUSR1 is drydock down --keep's.
var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1}

type endListener struct {
	leave <-chan struct{} // closed by a second signal
	stop  func()
}

// listenForEnd ends the server in order at the first signal, and lets its
// caller leave at the second.
func listenForEnd(w World, s *flyte.Server, out upPrinter) endListener {
	signals := make(chan os.Signal, 4) // room for an impatient finger
	for _, sig := range endSignals {
		if !signal.Ignored(sig) {
			w.Notify(signals, sig)
		}
	}
	leave, quit := make(chan struct{}), make(chan struct{})
	go func() {
		heard := 0
		for {
			select {
			case <-quit:
				return
			case sig := <-signals:
				heard++
				switch {
				case heard == 1 && sig == syscall.SIGUSR1:
					out.ending(flyte.Keep, "SIGUSR1")
					go s.Shutdown(context.Background(), flyte.Keep, "")
				case heard == 1:
					name := stopSignals[sig]
					out.ending(flyte.Abort, name)
					go s.Shutdown(context.Background(), flyte.Abort, "drydock was told to end ("+name+")")
				case heard == 2:
					close(leave)
				}
			}
		}
	}()
	return endListener{leave: leave, stop: func() { w.Unnotify(signals); close(quit) }}
}

// ignoreStrays is told of what dead supervisors left, which a server mentions
// nowhere: it removes what its own predecessor left all the time.
type ignoreStrays struct{ printer }

func (ignoreStrays) stray(string) {}
