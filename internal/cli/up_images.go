// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"drydock/integration/flyte"
	"drydock/internal/config"
	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
)

// engineView is what a server wants to know of the engine that runs images.
type engineView interface {
	Info() engine.Info
	// Gateway is the engine's host on its bridge; the zero Addr: there is none.
	Gateway(context.Context) (netip.Addr, error)
}

// upSandbox is the server's settings with its sandbox decided: --native is one
// word for --sandbox native, and drydock flyte is native where nobody says
// otherwise.
func upSandbox(w World, o upOptions) (*config.Settings, error) {
	if o.Native && o.Given["sandbox"] && o.Sandbox != sandboxNative {
		return nil, usagef("leave one of them out", "--native and --sandbox %s contradict each other", o.Sandbox)
	}
	s, err := loadSettings(w, o.Config, upSettings(o))
	if err == nil && o.nativeByDefault && s.Get("sandbox").Origin.Kind == config.FromDefault {
		o.Native = true
		return loadSettings(w, o.Config, upSettings(o))
	}
	return s, err
}

// engineMoment is how long an engine may take to say where its bridge is.
const engineMoment = 10 * time.Second

// upImages says how tasks run in images; nil: they do not.
func upImages(ctx context.Context, w World, s *config.Settings) (*flyte.Images, error) {
	which := s.Get("sandbox").Text
	if which == sandboxNative {
		return nil, nil
	}
	box, err := w.Sandboxes.Docker(ctx, placeOf(s))
	if err != nil {
		return nil, noEngine(err)
	}
	if closer, ok := box.(io.Closer); ok { // the executor opens its own when it needs it
		defer closer.Close()
	}
	c := &flyte.Images{Engine: "a container engine", Network: sandbox.NetworkBridge, Only: which == sandboxDocker}
	switch network := s.Get("network").Text; network {
	case "auto":
	case string(sandbox.NetworkHost), string(sandbox.NetworkBridge):
		c.Network = sandbox.Network(network)
	default:
		return nil, usagef("accepted: host, bridge", "--network %s: tasks would not reach the endpoint", network)
	}
	view, ok := box.(engineView)
	if !ok {
		return c, nil
	}
	i := view.Info()
	if c.Engine = i.String(); !i.Local {
		c.Apart = cmp.Or(i.Remote, "it is not on this machine")
	}
	if c.Network == sandbox.NetworkBridge {
		ctx, cancel := context.WithTimeout(ctx, engineMoment)
		defer cancel()
		if c.Gateway, err = view.Gateway(ctx); err != nil {
			return nil, &userError{what: fmt.Sprintf("where the bridge of %s is cannot be found out: %v", c.Engine, err),
				remedy: "--network host needs none", cause: err}
		}
	}
	return c, nil
}

// noEngine refuses to serve without what tasks would run in. drydock flyte
// serves, too: --native is both commands' flag.
func noEngine(err error) error {
	e, ok := errors.AsType[*sandbox.UnsupportedError](err)
	if !ok {
		return err
	}
	return &userError{what: "tasks run in the images that they name, and " + e.What, remedy: e.Remedy + "; or --native runs tasks without images", cause: err}
}

// runsIn says in a line what a server's tasks run in; "": on this machine's own
// root file system, with the Python that is told of apart.
func runsIn(i flyte.Info) string {
	if i.Engine == "" {
		return ""
	}
	where := "on its bridge"
	if i.Network == string(sandbox.NetworkHost) {
		where = "on this machine's network"
	}
	text := fmt.Sprintf("  tasks run in the images that they name (%s, %s)\n", i.Engine, where)
	if i.Sandbox == sandboxDocker {
		text += "  tasks that name none are refused\n"
	}
	return text
}

// runsWith says the same of tasks without an image.
func runsWith(i flyte.Info, version string) string {
	if version != "" {
		version = "Python " + version + " and "
	}
	switch i.Sandbox {
	case sandboxDocker:
		return ""
	case sandboxNative, "":
		return fmt.Sprintf("  tasks run with %sflyte %s (%s)\n", version, i.SDK, i.Python)
	}
	return fmt.Sprintf("  tasks that name no image run with %sflyte %s (%s)\n", version, i.SDK, i.Python)
}
