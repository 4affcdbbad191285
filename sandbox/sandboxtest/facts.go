// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"drydock/sandbox"
)

// wantExit checks how the main process ended.
func wantExit(t testing.TB, e ended, code int, signal string) {
	t.Helper()
	if e.Exit == nil {
		t.Fatalf("no exit; start error %+v", e.StartError)
	}
	if got, want := *e.Exit, (sandbox.Exit{Code: code, Signal: signal}); got != want {
		t.Errorf("the main process ended with %+v, want %+v\nstdout %q\nstderr %q", got, want, e.stdout, e.stderr)
	}
}

// ownLimit says that the facts show the limit owner ran out of memory: on v2
// its oom counter moved; on v1 its eventfd fired, or its peak came within one
// charge batch of the limit.
func ownLimit(out sandbox.Outcome) bool {
	const batch = 64 * 4096
	c := out.Counters
	if c == nil {
		return false
	}
	if c.CgroupVersion == 2 {
		return c.OOM > 0
	}
	return c.Notified || out.Memory.Limit > 0 && out.Memory.Peak >= out.Memory.Limit-batch
}

// wantOOM checks the facts on which an out-of-memory verdict rests.
func (s *suite) wantOOM(t testing.TB, e ended) {
	t.Helper()
	c := e.Counters
	switch {
	case c == nil:
		t.Fatalf("no counters: %s", show(e.Outcome))
	case c.OOMKill < 1:
		t.Errorf("no OOM kill was counted: %s", show(e.Outcome))
	case !ownLimit(e.Outcome):
		t.Errorf("nothing shows that the own limit was hit: %s", show(e.Outcome))
	case c.HostOOMKill < 1:
		t.Errorf("the machine's own count of OOM kills did not move: %s", show(e.Outcome))
	}
	if e.KillSeenAt.IsZero() {
		t.Errorf("the kill was counted, but has no time: %s", show(e.Outcome))
	}
	if len(e.Stops) > 0 {
		t.Errorf("nobody stopped it, but there is %+v", e.Stops)
	}
}

// wantQuiet checks that nothing hints at an OOM.
func (s *suite) wantQuiet(t testing.TB, e ended) {
	t.Helper()
	c := e.Counters
	if c == nil {
		t.Fatalf("no counters: %s", show(e.Outcome))
	}
	if c.OOMKill != 0 || c.OOM != 0 || c.OOMGroupKill != 0 || !e.KillSeenAt.IsZero() || !e.GroupKilledAt.IsZero() {
		t.Errorf("there was no OOM, but the facts say so: %s", show(e.Outcome))
	}
	if n := count(e.events, func(v sandbox.Event) bool { return v.OOM != nil }); n != 0 {
		t.Errorf("%d oom events without an OOM", n)
	}
	if len(e.Victims) != 0 {
		t.Errorf("victims without an OOM: %+v", e.Victims)
	}
}

// wantGroup checks how the rest of the attempt went with the victim.
func (s *suite) wantGroup(t testing.TB, e ended) {
	t.Helper()
	if e.Counters.Group != s.GroupKill {
		t.Errorf("group kill is %q, want %q", e.Counters.Group, s.GroupKill)
	}
	if s.GroupKill == sandbox.GroupEnforced && e.Counters.OOMGroupKill != 1 {
		t.Errorf("%d group kills, want one: %s", e.Counters.OOMGroupKill, show(e.Outcome))
	}
	mainDied := len(e.Victims) > 0 && e.Victims[0].Main // and the rest with it
	if s.GroupKill == sandbox.GroupEmulated && e.GroupKilledAt.IsZero() && !mainDied {
		t.Errorf("an emulated group kill has no time: %s", show(e.Outcome))
	}
}

// wantStops checks what drydock sent, in order.
func wantStops(t testing.TB, e ended, reason sandbox.StopReason, signals ...string) {
	t.Helper()
	var got []string
	for _, stop := range e.Stops {
		got = append(got, stop.Signal)
		if stop.Reason != reason {
			t.Errorf("a stop for %q, want %q", stop.Reason, reason)
		}
		if stop.Time.IsZero() {
			t.Errorf("a stop without a time: %+v", stop)
		}
	}
	if !slices.Equal(got, signals) {
		t.Errorf("drydock sent %q, want %q", got, signals)
	}
}

func count(events []sandbox.Event, is func(sandbox.Event) bool) int {
	n := 0
	for _, e := range events {
		if is(e) {
			n++
		}
	}
	return n
}

func contains(text, part string) bool { return strings.Contains(text, part) }

// show prints an outcome for a reader of a failure.
func show(out sandbox.Outcome) string {
	text, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
