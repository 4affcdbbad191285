// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"drydock/integration/engines"
	"drydock/sandbox"
)

func TestAbsentContainer(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		ctx, id := t.Context(), strings.Repeat("0", 64)
		_, inspect := e.Inspect(ctx, id)
		_, wait := e.Wait(ctx, id)
		_, attach := e.Attach(ctx, id, AttachOptions{})
		stream := e.StatsStream(ctx, id, func(Stats) { t.Error("stats of no container") })
		for name, err := range map[string]error{
			"inspect": inspect, "wait": wait, "attach": attach, "stream": stream,
			"start": e.Start(ctx, id), "kill": e.Kill(ctx, id, "SIGKILL"), "resize": e.Resize(ctx, id, 1, 1),
		} {
			if KindOf(err) != NotFound {
				t.Errorf("%s: %v (%s)", name, err, KindOf(err))
			}
		}
		if start := (*StartError)(nil); errors.As(e.Start(ctx, id), &start) {
			t.Errorf("its program is blamed: %v", start)
		}
		if err := e.Remove(ctx, id); err != nil {
			t.Errorf("removing what is not there: %v", err)
		}
	})
}

func TestCreateRefused(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		for name, tc := range map[string]struct {
			change func(*Container)
			kind   Kind
		}{
			"no such image":    {func(c *Container) { c.Image = "drydock-test/nothing:1" }, NoImage},
			"no such image ID": {func(c *Container) { c.Image = "sha256:" + strings.Repeat("0", 64) }, NoImage},
			"name in use":      {func(c *Container) { c.Name = "drydock-engine-test" }, NameInUse},
		} {
			t.Run(name, func(t *testing.T) {
				first := shell(t, lab, "")
				first.Name = "drydock-engine-test"
				made(t, e, first)
				c := shell(t, lab, "")
				tc.change(&c)
				id, _, err := e.Create(t.Context(), c)
				if KindOf(err) != tc.kind {
					t.Errorf("%v (%s), want %s", err, KindOf(err), tc.kind)
				}
				if err == nil {
					_ = e.Remove(t.Context(), id)
				}
			})
		}
	})
}

func TestStartRefused(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		for name, tc := range map[string]struct {
			change func(*Container)
			reason sandbox.StartReason
			code   int
		}{
			"not in PATH":      {func(c *Container) { c.Args = []string{"no-such-program"} }, sandbox.StartNotFound, 127},
			"no such file":     {func(c *Container) { c.Args = []string{"/no/such/program"} }, sandbox.StartNotFound, 127},
			"not executable":   {func(c *Container) { c.Args = []string{"/etc/passwd"} }, sandbox.StartNotExecutable, 126},
			"a directory":      {func(c *Container) { c.Args = []string{"/etc"} }, sandbox.StartNotExecutable, 126},
			"missing source":   {func(c *Container) { c.Binds = []Bind{{Source: "/no/such/dir", Target: "/data"}} }, "", 0},
			"tiny memory":      {func(c *Container) { c.Memory, c.MemorySwap = 1<<20, 1<<20 }, sandbox.StartLimitTooLow, 125},
			"no such user":     {func(c *Container) { c.User = "nobody-here" }, sandbox.StartRuntime, 125},
			"nothing to start": {func(c *Container) { c.Args = nil }, sandbox.StartNotFound, 125},
		} {
			t.Run(name, func(t *testing.T) {
				c := shell(t, lab, "")
				tc.change(&c)
				id, _, err := e.Create(t.Context(), c)
				if err == nil {
					t.Cleanup(func() { _ = e.Remove(context.Background(), id) })
					var stream *Stream
					if stream, err = e.Attach(t.Context(), id, AttachOptions{}); err == nil {
						defer stream.Close()
						err = e.Start(t.Context(), id)
					}
				}
				t.Logf("%v (%s)", err, KindOf(err))
				start := (*StartError)(nil)
				if ok := errors.As(err, &start); err == nil || ok != (tc.code != 0) {
					t.Fatalf("%#v", err)
				}
				if start != nil && (start.Reason != tc.reason || start.Code != tc.code) {
					t.Errorf("%s, %d: want %s, %d", start.Reason, start.Code, tc.reason, tc.code)
				}
			})
		}
	})
}

// What is over in a moment is no reason to leave a container.
func TestRemoveTriesAgain(t *testing.T) {
	for name, words := range map[string]string{
		"somebody removes it":  "removal of container x is already in progress",
		"it ends by itself":    "cannot remove container x as it could not be stopped: sending SIGKILL to container x: container state improper: stopped",
		"the engine says more": "",
	} {
		f, tries := newFake(t), 0
		f.HandleFunc("DELETE /containers/x", func(w http.ResponseWriter, r *http.Request) {
			switch tries++; {
			case words == "":
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprint(w, `{"message":"the disk is broken"}`)
			case tries == 1:
				w.WriteHeader(http.StatusConflict)
				fmt.Fprintf(w, `{"message":%q}`, words)
			default:
				w.WriteHeader(http.StatusNoContent)
			}
		})
		err := f.open(t).Remove(t.Context(), "x")
		if again := words != ""; again != (err == nil) || again != (tries == 2) {
			t.Errorf("%s: %d tries, %v", name, tries, err)
		}
	}
}
