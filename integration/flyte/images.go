// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/launch"
	"drydock/integration/flyte/objects"
	"drydock/sandbox"
)

// Images says how tasks run in the images that they name.
type Images struct {
	Engine  string          // for messages: "Docker Engine 28.5.2"
	Network sandbox.Network // of tasks in images: host or bridge
	// Gateway is this machine's address on the engine's bridge. On a bridge the
	// server listens there, too, and on no other address that containers reach.
	Gateway netip.Addr
	Only    bool   // tasks that name no image are refused
	Apart   string // why the engine does not see this machine's files; "": it does
}

// insideDomain ends the names by which tasks on a bridge know the server. The
// label before it is their run's alone: see grants.label.
const insideDomain = ".drydock.internal"

// launchImages is how the launcher is to run tasks in images.
func (s *Server) launchImages(store *objects.Store, keys *grants) *launch.Images {
	c := s.c.Images
	if c == nil {
		return nil
	}
	return &launch.Images{
		Engine: c.Engine, Network: c.Network, Only: c.Only, Apart: c.Apart,
		Endpoint: func(run engine.RunID) launch.Endpoint { return s.inside(keys, run) },
		Reached:  keys.reached, Warn: func(text string) { s.c.Log.Warn(text) },
		Files: store, Dir: s.home.carried(),
	}
}

// inside is the server as a run's tasks see it from their containers.
func (s *Server) inside(keys *grants, run engine.RunID) launch.Endpoint {
	if s.c.Images.Network == sandbox.NetworkHost {
		return launch.Endpoint{API: endpoint(s.listener), S3: "http://" + endpoint(s.listener), Shown: endpoint(s.listener)}
	}
	name := keys.label(run) + insideDomain
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	at := net.JoinHostPort(name, port)
	return launch.Endpoint{API: at, S3: "http://" + at, Name: name, Hosts: []string{name + ":" + s.c.Images.Gateway.String()},
		Shown: net.JoinHostPort(s.c.Images.Gateway.String(), port)}
}

// listenInside listens on the bridge's own address, at the port of another
// listener; nil where nobody comes that way, or that listener covers it.
func (s *Server) listenInside(port string) (net.Listener, error) {
	c := s.c.Images
	if c == nil || c.Network != sandbox.NetworkBridge || s.everywhere() {
		return nil, nil
	}
	const remedy = "give tasks this machine's network with --network host, or run them without images: drydock up --native"
	if !c.Gateway.IsValid() {
		return nil, &BridgeError{Reason: c.Engine + " has no bridge that leads to this machine", Remedy: remedy}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(c.Gateway.String(), port))
	if err != nil {
		return nil, &BridgeError{
			Reason: fmt.Sprintf("tasks on the bridge of %s look for this drydock at %s port %s, where it cannot listen (%v)", c.Engine, c.Gateway, port, err),
			Remedy: remedy, Err: err}
	}
	return l, nil
}

// everywhere reports whether the server listens on all addresses already.
func (s *Server) everywhere() bool {
	a, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsUnspecified()
}

// BridgeError says why tasks in images would not reach the server, and what to
// do.
type BridgeError struct {
	Reason, Remedy string
	Err            error
}

func (e *BridgeError) Error() string { return e.Reason + "; " + e.Remedy }

func (e *BridgeError) Unwrap() error { return e.Err }

// label is what a run's tasks on a bridge show in place of a token: the SDK
// sends none without TLS, but every request carries the name that it asks for.
// Others on the bridge cannot guess it. It is one label of a host name, of 63
// characters at most: the run's id, and the proof that whoever made the id
// known knew the run's keys.
func (g *grants) label(run engine.RunID) string {
	id := g.know(run)
	return id + g.proof(id)
}

// The parts of a label, in hexadecimal digits.
const (
	idDigits    = 32
	proofDigits = 31
)

func (g *grants) proof(id string) string {
	c, err := g.store.Credentials(id)
	if err != nil {
		panic(err) // hexadecimal digits are always taken
	}
	mac := hmac.New(sha256.New, []byte(c.SecretKey))
	mac.Write([]byte("endpoint"))
	return hex.EncodeToString(mac.Sum(nil))[:proofDigits]
}

// invites reports whether a request's host name is one that was given to the
// tasks of a run that is under way.
func (g *grants) invites(host string) bool {
	label, ok := strings.CutSuffix(host, insideDomain)
	if !ok || len(label) != idDigits+proofDigits {
		return false
	}
	id, proof := label[:idDigits], label[idDigits:]
	if _, err := hex.DecodeString(id); err != nil || !hmac.Equal([]byte(proof), []byte(g.proof(id))) {
		return false
	}
	_, ok = g.admit(id)
	return ok
}

// reached reports whether anything of a run has shown its keys or its name.
func (g *grants) reached(run engine.RunID) bool {
	id := g.know(run)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[id]
}

// carried is where files for tasks in images lie.
func (h Home) carried() string { return filepath.Join(h.dir(), "carried") }

// underWay are the attempts that are not over.
func (s *Server) underWay() (all []engine.Attempt, err error) {
	for _, root := range s.parts.engine.Unfinished() {
		actions, err := s.parts.engine.Actions(root.ID.Run)
		if err != nil {
			return nil, err
		}
		for _, a := range actions {
			for _, at := range a.Attempts {
				if at.Ended.IsZero() {
					all = append(all, at)
				}
			}
		}
	}
	return all, nil
}

// takeOver looks at what an earlier server left of tasks in images: it warns
// where they do not reach this one, and removes the files of those that are
// over.
func (s *Server) takeOver() {
	attempts, err := s.underWay()
	if err != nil {
		return // rather keep all files
	}
	alive := map[string]bool{}
	stranded := 0
	for _, at := range attempts {
		alive[at.TaskID] = true
		if at.Image != "" && s.c.Images == nil {
			stranded++
		}
	}
	if stranded > 0 {
		s.c.Log.Warn(fmt.Sprintf("tasks in images that an earlier drydock up left running (%d) may not reach this one, which was started for tasks without images; drydock down --keep, and start it without --native", stranded))
	}
	entries, err := os.ReadDir(s.home.carried())
	if err != nil {
		return // there are none
	}
	for _, e := range entries {
		if !alive[e.Name()] {
			if err := os.RemoveAll(filepath.Join(s.home.carried(), e.Name())); err != nil {
				s.c.Log.Warn("files of an attempt that is over cannot be removed", "error", err)
			}
		}
	}
}
