// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"drydock/integration/engines"
)

// The attempts of a task run in one image, also when its name has come to mean
// another and somebody has removed the first.
func TestImageIsTheSameAgain(t *testing.T) {
	s, e := on20(t)
	registry, base := engines.NewRegistry(t), engines.Busybox(t, e)
	pushed := func(value string) string {
		return registry.Push(t, e, engines.Variant(t, e, base, "ENV WHICH="+value), "again")
	}
	image := pushed("first")
	spec := task(t, image, "echo $WHICH")
	pinned, err := s.Prepare(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again := pushed("second"); again != image {
		t.Fatalf("the second is called %s", again)
	}
	forget(t, e, pinned.Image)
	r := start(t, s, pinned)
	o := r.end(t)
	if o.Image == nil || o.Image.ID != pinned.Image || o.Image.Reference != image || r.said() != "first\n" {
		t.Errorf("it ran in %+v and said %q; wanted %s", o.Image, r.said(), pinned.Image)
	}
}

// forget removes an image by all its names.
func forget(t *testing.T, e *engines.Engine, id string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(e.Socket, "unix://"))
	}}}
	defer c.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://engine/images/"+id+"?force=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("remove %s: %s", id, answer.Status)
	}
}
