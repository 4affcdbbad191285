// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry is an image registry on a loopback address, in memory, for engines
// to pull from. Engines take it without TLS because of the address.
type Registry struct {
	host   string
	answer atomic.Pointer[Answer]
}

// Answer may answer a request in place of a registry; it says whether it did.
type Answer func(w http.ResponseWriter, r *http.Request) bool

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Registry{host: listener.Addr().String()}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if answer := r.answer.Load(); answer == nil || !(*answer)(w, request) {
			inner.ServeHTTP(w, request)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return r
}

// Host is what image names begin with, as "127.0.0.1:40123".
func (r *Registry) Host() string { return r.host }

// Answer has a function look at every request first, until it is nil again:
// for a registry that is slow, refuses, or breaks.
func (r *Registry) Answer(a Answer) {
	if a == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&a)
}

// Push copies an image of e into the registry and returns its name there; e
// does not have it by that name afterwards.
func (r *Registry) Push(t testing.TB, e *Engine, image, repo string) string {
	t.Helper()
	const tag = "1"
	name := r.host + "/" + repo
	c := e.client()
	c.patience = importTime
	_, err := c.do(http.MethodPost, "/images/"+image+"/tag?"+url.Values{"repo": {name}, "tag": {tag}}.Encode(), nil)
	if err == nil {
		// Engines insist on credentials, even of nobody.
		auth := http.Header{"X-Registry-Auth": {base64.URLEncoding.EncodeToString([]byte("{}"))}}
		err = c.progress(http.MethodPost, "/images/"+name+"/push?"+url.Values{"tag": {tag}, "tlsVerify": {"false"}}.Encode(), auth, nil)
	}
	if err == nil {
		_, err = c.do(http.MethodDelete, "/images/"+name+":"+tag+"?noprune=1", nil)
	}
	if err != nil {
		t.Fatalf("%s: push %s to %s: %v", e.Name, image, name, err)
	}
	return name + ":" + tag
}
