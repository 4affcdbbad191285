// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/need"
)

// A container on the bridge reaches this machine by the gateway, and by a name
// for it.
func TestGateway(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		gateway, err := e.Gateway(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !lab.HasBridge() {
			need.Gap(t, "this engine has no bridge here")
		}
		if !gateway.Is4() {
			t.Fatalf("gateway %v", gateway)
		}
		listener, err := net.Listen("tcp", netip.AddrPortFrom(gateway, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "reached\n") })}
		defer server.Close()
		go func() { _ = server.Serve(listener) }()
		port := listener.Addr().(*net.TCPAddr).Port
		c := shell(t, lab, fmt.Sprintf("wget -qO- http://%s:%d/; wget -qO- http://host.docker.internal:%d/", gateway, port, port))
		c.Network, c.ExtraHosts = "bridge", []string{"host.docker.internal:host-gateway"}
		stdout, stderr, exit, _ := ran(t, e, c, "")
		if stdout != "reached\nreached\n" {
			t.Errorf("%q, %q, %+v", stdout, stderr, exit)
		}
	})
}
