// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"drydock/sandbox"
)

// Config says which engine is meant. The zero value is the one that the docker
// command would use.
type Config struct {
	// Host is an endpoint, "unix:///run/podman/podman.sock" or "tcp://…".
	// Without one DOCKER_HOST counts, then Context, DOCKER_CONTEXT and the
	// current context of the docker config, then the default socket.
	Host string
	// Context is the name of a docker context. It excludes Host.
	Context string
	// ConfigDir holds docker's config.json and its contexts; "": DOCKER_CONFIG,
	// else ~/.docker.
	ConfigDir string
	// Known is the Info of the same engine, as another process of this user got
	// it a moment ago. Reading it anew takes 10 ms with Docker and half a
	// second with Podman, which run their runtimes for it. Nil: it is read.
	Known *Info
	// CacheDir is a directory where Info is kept for the next process, which
	// takes it for some minutes while the same daemon answers. It is made if
	// absent. "": it is read anew each time.
	CacheDir string
	// LockDir is a directory for the locks by which several processes share
	// one pull. It is made if absent. "": they do not.
	LockDir string
}

// Engine is a connection to a container engine. Its methods are safe for
// concurrent use, and every one of them that does not follow something has a
// deadline of its own beside its context's.
type Engine struct {
	client *client.Client
	info   Info
	config Config
	memory memory
	limits limits
	pulls  pulls
}

// limits are the deadlines of calls.
type limits struct {
	open   time.Duration // finding and greeting the engine
	quick  time.Duration // what the engine answers from its memory
	change time.Duration // what it works on: create, start, remove
	// silence is how long a pull may go on without a word of progress. Slow
	// registries and large layers are silent for minutes while a checksum is
	// taken; longer than this is a hang.
	silence time.Duration
	// helper is how long a credential helper may take; one may ask the user
	// for a passphrase.
	helper time.Duration
}

var usualLimits = limits{
	open:    15 * time.Second,
	quick:   30 * time.Second,
	change:  2 * time.Minute, // fifty starts at once on two cores took 40 s
	silence: 10 * time.Minute,
	helper:  30 * time.Second,
}

// oldestAPI is that of Docker Engine 20.10, the oldest that is tested; Podman
// speaks it since 4.0.
const oldestAPI = "1.41"

// Open finds the engine and greets it. An error is an
// *sandbox.UnsupportedError that says what is in the way and how to remove it,
// or the end of ctx.
func Open(ctx context.Context, config Config) (*Engine, error) {
	return open(ctx, config, usualLimits)
}

func open(ctx context.Context, config Config, limits limits) (*Engine, error) {
	target, err := resolve(config)
	if err != nil {
		return nil, err
	}
	var peer peer
	if config.Known == nil { // else it was there a moment ago, and its word is all that is missing
		if peer, err = target.probe(ctx, limits.open); err != nil {
			return nil, err
		}
	}
	cli, err := target.client()
	if err != nil {
		return nil, unsupported(fmt.Sprintf("the engine's endpoint %s cannot be used: %v", target.host, err), "mend "+target.origin)
	}
	e := &Engine{client: cli, config: config, limits: limits, memory: newMemory(config.CacheDir, target.host, peer)}
	e.config.ConfigDir = target.configDir
	if err := e.greet(ctx, target); err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	if config.Known == nil {
		e.info.Endpoint, e.info.Origin = target.host, target.origin
		e.info.Remote = peer.strange(e.info)
		e.info.Local = e.info.Remote == ""
	}
	return e, nil
}

// greet negotiates the API's version and reads Info.
func (e *Engine) greet(ctx context.Context, target target) error {
	err := e.call(ctx, "greet the engine", e.limits.open, func(ctx context.Context) error {
		ping, err := e.client.Ping(ctx)
		if err != nil {
			return err
		}
		// Without a version the client would fall back to one that is ten
		// years old, and everything after would be refused in riddles.
		if ping.APIVersion == "" {
			return errors.New("whoever answers there is no container engine: it names no API version")
		}
		e.client.NegotiateAPIVersionPing(ping)
		if versions.LessThan(e.client.ClientVersion(), oldestAPI) {
			return fmt.Errorf("it speaks API %s, and %s (Docker Engine 20.10, Podman 4) is the oldest that will do", e.client.ClientVersion(), oldestAPI)
		}
		if known := e.config.Known; known != nil {
			e.info = *known
			return nil
		}
		var found bool
		if e.info, found = e.memory.recall(e.client.ClientVersion()); found {
			return nil
		}
		if e.info, err = e.read(ctx); err == nil {
			e.memory.keep(e.info)
		}
		return err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return target.refuse(err)
}

// Close lets idle connections go.
func (e *Engine) Close() error { return e.client.Close() }

// Info is what the engine said of itself when it was opened.
func (e *Engine) Info() Info { return e.info }

// call does one thing with the engine within limit. The error is an *Error.
func (e *Engine) call(ctx context.Context, name string, limit time.Duration, do func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSlow)
	defer cancel()
	err := do(ctx)
	return explain(ctx, name, time.Since(began), err)
}

func unsupported(what, remedy string) error {
	return &sandbox.UnsupportedError{What: what, Remedy: remedy}
}
