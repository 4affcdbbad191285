// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"drydock/integration/flyte"
	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/sandboxtest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// viewed is an engine that can be asked about itself.
type viewed struct {
	*sandboxtest.Fake
	info    engine.Info
	gateway netip.Addr
	err     error
	closed  *bool
}

func (v viewed) Info() engine.Info                           { return v.info }
func (v viewed) Gateway(context.Context) (netip.Addr, error) { return v.gateway, v.err }
func (v viewed) Close() error                                { *v.closed = true; return nil }

// oneEngine is a machine with one engine.
type oneEngine struct {
	fakeSandboxes
	viewed
}

func (o oneEngine) Docker(context.Context, Place) (sandbox.Sandbox, error) { return o.viewed, nil }

func TestUpImages(t *testing.T) {
	gateway := netip.MustParseAddr("172.17.0.1")
	here := engine.Info{Product: "Docker Engine", Version: "28.5.2", Local: true}
	for _, tc := range []struct {
		name   string
		o      upOptions
		env    []string
		engine viewed
		want   *flyte.Images
		refuse string
	}{
		{name: "native", o: upOptions{Native: true}},
		{name: "drydock flyte", o: upOptions{nativeByDefault: true}},
		{name: "drydock flyte, told otherwise", o: upOptions{nativeByDefault: true}, env: []string{"DRYDOCK_SANDBOX=auto"}, engine: viewed{info: here, gateway: gateway},
			want: &flyte.Images{Engine: "Docker Engine 28.5.2", Network: sandbox.NetworkBridge, Gateway: gateway}},
		{name: "the setting", env: []string{"DRYDOCK_SANDBOX=native"}},
		{name: "bridge", engine: viewed{info: here, gateway: gateway}, want: &flyte.Images{Engine: "Docker Engine 28.5.2", Network: sandbox.NetworkBridge, Gateway: gateway}},
		{name: "host, images alone, elsewhere", o: upOptions{Sandbox: "docker", Network: "host", Given: map[string]bool{"sandbox": true, "network": true}},
			engine: viewed{info: engine.Info{Product: "Podman", Version: "4.3.1", Remote: "it answers over TCP"}, err: errors.New("not asked")},
			want:   &flyte.Images{Engine: "Podman 4.3.1", Network: sandbox.NetworkHost, Only: true, Apart: "it answers over TCP"}},
		{name: "no network", o: upOptions{Network: "none", Given: map[string]bool{"network": true}}, refuse: "accepted: host, bridge"},
		{name: "the bridge cannot be looked up", engine: viewed{info: here, err: errors.New("no answer")}, refuse: "no answer; --network host needs none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			closed := false
			tc.engine.closed, tc.engine.Fake = &closed, &sandboxtest.Fake{}
			w := World{Environ: append(tc.env, "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "DRYDOCK_STATE_DIR="+t.TempDir()), Sandboxes: oneEngine{viewed: tc.engine}}
			s, err := upSandbox(w, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := upImages(t.Context(), w, s)
			if tc.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refuse) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if closed != (tc.want != nil) {
				t.Errorf("its engine is closed: %t", closed)
			}
		})
	}
}
