// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"

	"drydock/integration/engines"
)

// An engine that hangs up in the midst of making a container may have made it.
func TestCreateIsCut(t *testing.T) {
	_, e := on20(t)
	socket := strings.TrimPrefix(e.Socket, "unix://")
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/containers/create") && r.StatusCode == http.StatusCreated {
				panic(http.ErrAbortHandler) // ends the client's connection
			}
			return nil
		},
	}
	server := httptest.NewServer(pass)
	t.Cleanup(server.Close)
	s := sandboxAt(t, "tcp://"+strings.TrimPrefix(server.URL, "http://"), t.TempDir())
	o := start(t, s, task(t, engines.Busybox(t, e), "true")).end(t)
	if o.StartError == nil || len(ours(t, second(t, e))) > 0 {
		t.Errorf("the start's error is %+v, and containers are left: %+v", o.StartError, ours(t, second(t, e)))
	}
}
