// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	systemd     = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
)

// Property is a unit's property. The type of the value is the one that
// org.freedesktop.systemd1(5) names: uint64 for "t", []uint32 for "au".
type Property struct {
	Name  string
	Value any
}

// property is D-Bus's (sv).
type property struct {
	Name  string
	Value dbus.Variant
}

// auxiliary is D-Bus's (sa(sv)); none is used.
type auxiliary struct {
	Name       string
	Properties []property
}

// Start asks for a transient unit. That systemd has agreed does not say that it
// is done.
func (m *Manager) Start(ctx context.Context, name string, properties ...Property) error {
	all := []property{{"CollectMode", dbus.MakeVariant("inactive-or-failed")}} // leave no failed unit behind
	for _, p := range properties {
		all = append(all, property{p.Name, dbus.MakeVariant(p.Value)})
	}
	_, err := m.bus.call(ctx, managerPath, systemd+".Manager.StartTransientUnit", name, "fail", all, []auxiliary{})
	return err
}

// StartSlice starts a transient slice and waits for it: then its cgroup is
// there. It stays until it is stopped, also with nobody in it; a slice that is
// started for a unit's sake goes with its last unit.
func (m *Manager) StartSlice(ctx context.Context, name string, properties ...Property) error {
	if err := m.Start(ctx, name, properties...); err != nil {
		return err
	}
	return m.await(ctx, name, func(state string) bool { return state == "active" })
}

// Stop stops a unit, and with a slice all that is in it, and waits for the end.
// A unit that is not there is fine.
func (m *Manager) Stop(ctx context.Context, name string) error {
	_, err := m.bus.call(ctx, managerPath, systemd+".Manager.StopUnit", name, "replace")
	if noSuchUnit(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.await(ctx, name, func(state string) bool { return state == gone || state == "inactive" || state == "failed" })
}

// gone is the state of a unit that systemd does not know.
const gone = ""

// pollEvery is how often a unit's state is asked for. A signal would need a
// subscription, which systemd keeps for each of its clients.
const pollEvery = time.Millisecond

func (m *Manager) await(ctx context.Context, name string, is func(state string) bool) error {
	for {
		state, err := m.state(ctx, name)
		if err != nil {
			return err
		}
		if is(state) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd leaves the unit %s %q: %w", name, state, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// state is the unit's ActiveState, or gone.
func (m *Manager) state(ctx context.Context, name string) (string, error) {
	unit, err := m.unit(ctx, "GetUnit", name)
	if err != nil {
		return gone, ignoreNoSuchUnit(err)
	}
	value, err := m.property(ctx, unit, ".Unit", "ActiveState")
	if err != nil {
		return gone, ignoreNoSuchUnit(err)
	}
	state, ok := value.(string)
	if !ok {
		return gone, fmt.Errorf("systemd says %v of the state of %s", value, name)
	}
	return state, nil
}

// Delegated reports whether a process is in a unit of this systemd's that was
// started with Delegate=yes, by systemd-run for example.
func (m *Manager) Delegated(ctx context.Context, pid int) bool {
	unit, err := m.unit(ctx, "GetUnitByPID", uint32(pid))
	if err != nil {
		return false // it is none of this systemd's
	}
	for _, kind := range []string{".Scope", ".Service"} {
		value, err := m.property(ctx, unit, kind, "Delegate")
		if delegated, ok := value.(bool); err == nil && ok {
			return delegated
		}
	}
	return false
}

// unit is the answer to a call of the manager's that finds a unit.
func (m *Manager) unit(ctx context.Context, method string, what any) (dbus.ObjectPath, error) {
	body, err := m.bus.call(ctx, managerPath, systemd+".Manager."+method, what)
	if err != nil {
		return "", err
	}
	var path dbus.ObjectPath
	err = dbus.Store(body, &path)
	return path, err
}

func (m *Manager) property(ctx context.Context, unit dbus.ObjectPath, kind, name string) (any, error) {
	body, err := m.bus.call(ctx, unit, "org.freedesktop.DBus.Properties.Get", systemd+kind, name)
	if err != nil {
		return nil, err
	}
	var value dbus.Variant
	err = dbus.Store(body, &value)
	return value.Value(), err
}

// noSuchUnit recognizes systemd's word for a unit that it does not know, and
// the bus's for one that went between two calls.
func noSuchUnit(err error) bool {
	refused, ok := errors.AsType[*Refusal](err)
	return ok && (refused.Name == systemd+".NoSuchUnit" || refused.Name == "org.freedesktop.DBus.Error.UnknownObject")
}

func ignoreNoSuchUnit(err error) error {
	if noSuchUnit(err) {
		return nil
	}
	return err
}
