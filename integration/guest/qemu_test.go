// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/integration/guest/wire"
)

// A guest that has said nothing at all is given up soon; one that has may take
// its time.
func TestSilentGuest(t *testing.T) {
	const silent = 200 * time.Millisecond
	begun := func() *qemu {
		q := &qemu{hello: make(chan wire.Hello, 1), off: make(chan struct{}), console: filepath.Join(t.TempDir(), "console")}
		q.stop = func() { close(q.off) }
		if err := os.WriteFile(q.console, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := begun()
	if err := q.ready(silent); err == nil {
		t.Error("a guest that says nothing is ready")
	}
	select {
	case <-q.off:
	default:
		t.Error("a guest that says nothing is still on")
	}

	q = begun()
	if err := os.WriteFile(q.console, []byte("it is up\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*silent, func() { q.hello <- wire.Hello{Kernel: "6.1"} })
	if err := q.ready(silent); err != nil || q.greeting.Kernel != "6.1" {
		t.Errorf("a slow guest: %v, %+v", err, q.greeting)
	}
}
