// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestSliceName(t *testing.T) {
	for _, c := range []struct{ parent, name, want string }{
		{"drydock.slice", "01ARZ3NDEKTSV4RRFFQ69G5FAV.1", "drydock-01ARZ3NDEKTSV4RRFFQ69G5FAV.1.slice"},
		{"drydock.slice", "0badcafe.01ARZ3NDEKTSV4RRFFQ69G5FAV.12", "drydock-0badcafe.01ARZ3NDEKTSV4RRFFQ69G5FAV.12.slice"},
		{"a-b.slice", "c", "a-b-c.slice"},
		// A dash would be one level more, and a slash no name at all.
		{"drydock.slice", "a-b.1", `drydock-a\x2db.1.slice`},
		{"drydock.slice", "../x", `drydock-..\x2fx.slice`},
		{"drydock.slice", "a\\b ä", `drydock-a\x5cb\x20\xc3\xa4.slice`},
	} {
		if got := SliceName(c.parent, c.name); got != c.want {
			t.Errorf("SliceName(%q, %q) = %s, want %s", c.parent, c.name, got, c.want)
		}
	}
}

// fakeBus is a systemd with one unit, which takes a few looks to get to its
// state.
type fakeBus struct {
	asked   []string
	started []property
	states  []string // of the unit, look by look; the last one stays; "": it is not there
	refuse  map[string]error
}

func (f *fakeBus) Close() error { return nil }

func (f *fakeBus) call(_ context.Context, object dbus.ObjectPath, method string, args ...any) ([]any, error) {
	short := method[strings.LastIndex(method, ".")+1:]
	f.asked = append(f.asked, short)
	if err := f.refuse[short]; err != nil {
		return nil, err
	}
	switch short {
	case "StartTransientUnit":
		f.started = args[2].([]property)
		return []any{dbus.ObjectPath("/job/1")}, nil
	case "StopUnit":
		return []any{dbus.ObjectPath("/job/2")}, nil
	case "GetUnit":
		if f.state() == "" {
			return nil, noUnit
		}
		return []any{dbus.ObjectPath("/unit")}, nil
	case "Get":
		state := f.state()
		if len(f.states) > 1 {
			f.states = f.states[1:]
		}
		return []any{dbus.MakeVariant(state)}, nil
	}
	return nil, errors.New("no such method: " + method)
}

func (f *fakeBus) state() string { return f.states[0] }

var noUnit = &Refusal{Name: "org.freedesktop.systemd1.NoSuchUnit", Message: "Unit x.slice not loaded."}

func TestStartSlice(t *testing.T) {
	bus := &fakeBus{states: []string{"inactive", "inactive", "active"}}
	m := &Manager{bus: bus}
	if err := m.StartSlice(t.Context(), "x.slice", Property{"MemoryMax", uint64(4096)}); err != nil {
		t.Fatal(err)
	}
	want := []property{{"CollectMode", dbus.MakeVariant("inactive-or-failed")}, {"MemoryMax", dbus.MakeVariant(uint64(4096))}}
	if !reflect.DeepEqual(bus.started, want) {
		t.Errorf("it was started with %v", bus.started)
	}
	if looks := slices.DeleteFunc(bus.asked, func(m string) bool { return m != "Get" }); len(looks) != 3 {
		t.Errorf("it was looked at %d times", len(looks))
	}
}

func TestStartRefused(t *testing.T) {
	exists := &Refusal{Name: "org.freedesktop.systemd1.UnitExists", Message: "Unit x.slice was already loaded"}
	m := &Manager{bus: &fakeBus{states: []string{"active"}, refuse: map[string]error{"StartTransientUnit": exists}}}
	err := m.StartSlice(t.Context(), "x.slice")
	if refused, ok := errors.AsType[*Refusal](err); !ok || !refused.UnitExists() {
		t.Errorf("the error is %v", err)
	}
}

// Whoever waits in vain is told for what.
func TestStartHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	m := &Manager{bus: &fakeBus{states: []string{"activating"}}}
	err := m.StartSlice(ctx, "x.slice")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `x.slice "activating"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestStop(t *testing.T) {
	for _, states := range [][]string{{"active", "deactivating", ""}, {"active", "inactive"}, {"failed"}, {""}} {
		bus := &fakeBus{states: states}
		if err := (&Manager{bus: bus}).Stop(t.Context(), "x.slice"); err != nil || len(bus.states) != 1 {
			t.Errorf("%q: %v; it was left at %q", states, err, bus.states)
		}
	}
	bus := &fakeBus{states: []string{""}, refuse: map[string]error{"StopUnit": noUnit}}
	if err := (&Manager{bus: bus}).Stop(t.Context(), "x.slice"); err != nil {
		t.Errorf("a unit that is not there: %v", err)
	}
	denied := errors.New("denied")
	bus.refuse["StopUnit"] = denied
	if err := (&Manager{bus: bus}).Stop(t.Context(), "x.slice"); !errors.Is(err, denied) {
		t.Errorf("the error is %v", err)
	}
}
