// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
)

// onOwn runs a test on a daemon of its own of each kind, which it may break.
func onOwn(t *testing.T, test func(t *testing.T, e *Engine, lab *engines.Engine)) {
	for _, kind := range engines.Kinds() {
		if kind == engines.Pod { // its containers live without it, and it comes and goes by design
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			lab := engines.Own(t, kind)
			test(t, openLab(t, lab), lab)
		})
	}
}

func TestEngineHangs(t *testing.T) {
	onOwn(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		id := made(t, e, shell(t, lab, "sleep 100"))
		usual := e.limits
		t.Cleanup(func() { e.limits = usual })
		e.limits.quick, e.limits.change = 200*time.Millisecond, 200*time.Millisecond
		lab.Pause(t)
		defer lab.Resume(t)
		_, inspect := e.Inspect(t.Context(), id)
		_, attach := e.Attach(t.Context(), id, AttachOptions{})
		_, events := e.Events(t.Context(), id, time.Time{})
		for name, err := range map[string]error{
			"inspect": inspect, "attach": attach, "events": events, "start": e.Start(t.Context(), id),
			"stats": e.StatsStream(t.Context(), id, func(Stats) {}),
		} {
			if KindOf(err) != Slow || !strings.Contains(err.Error(), "did not answer within ") {
				t.Errorf("%s: %v (%s)", name, err, KindOf(err))
			}
		}
		limits := usual
		limits.open = 200 * time.Millisecond
		if _, err := open(t.Context(), e.config, limits); !isUnsupported(err, "does not answer", "restart it") {
			t.Errorf("open: %v", err)
		}
	})
}

func TestEngineDies(t *testing.T) {
	onOwn(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		// It hears SIGTERM: a daemon that comes back ends what ran, and waits for it.
		id := made(t, e, shell(t, lab, "trap exit TERM; while :; do sleep 0.1; done"))
		stream, err := e.Attach(t.Context(), id, AttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		watch, err := e.Events(t.Context(), id, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		waited, read := make(chan error, 1), make(chan error, 1)
		go func() { _, err := e.Wait(t.Context(), id); waited <- err }()
		go func() { read <- stream.Demux(&bytes.Buffer{}, &bytes.Buffer{}) }()
		if started := <-watch.C; started.Action != "start" {
			t.Errorf("the first event is %+v", started)
		}
		lab.Kill(t)
		if err := <-waited; KindOf(err) != Gone {
			t.Errorf("wait: %v (%s)", err, KindOf(err))
		}
		<-read // the output just ends
		for range watch.C {
		}
		if err := watch.Err(); KindOf(err) != Gone {
			t.Errorf("events: %v (%s)", err, KindOf(err))
		}
		if _, err := e.Inspect(t.Context(), id); KindOf(err) != Gone {
			t.Errorf("inspect: %v (%s)", err, KindOf(err))
		}
		if _, err := Open(t.Context(), e.config); !isUnsupported(err, "no container engine", "start it") {
			t.Errorf("open: %v", err)
		}
		lab.Start(t)
		if state, err := e.Inspect(t.Context(), id); err != nil {
			t.Errorf("after it came back: %+v, %v", state, err)
		}
	})
}

func TestDiskFull(t *testing.T) {
	for _, kind := range engines.Kinds() {
		if kind == engines.Pod { // it unpacks in /var/tmp, which is not the test's to fill
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			root := t.TempDir()
			need.Root(t)
			if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=24m"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			lab := engines.Own(t, kind, engines.Root(root))
			e := openLab(t, lab)
			s := newHub(t)
			s.push(t, "large", "1", e.Info().Arch, 30_000_000)
			_, err := e.Provide(t.Context(), Pull{Reference: s.host + "/large:1"})
			wrong := (*sandbox.ImageError)(nil)
			if !errors.As(err, &wrong) || !strings.Contains(wrong.Message, "no space left on device") || !strings.Contains(wrong.Remedy, "free disk space") {
				t.Errorf("%v", err)
			}
		})
	}
}

func isUnsupported(err error, what, remedy string) bool {
	u := (*sandbox.UnsupportedError)(nil)
	return errors.As(err, &u) && strings.Contains(u.What, what) && strings.Contains(u.Remedy, remedy)
}
