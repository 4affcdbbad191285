// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5" // systemd's own protocol; runc speaks it with the same library
	"golang.org/x/sys/unix"
)

// Manager is a connection to a systemd. It is safe for concurrent use. Errors
// of its calls are *Refusal where systemd has answered; others are of the way
// to it, or the end of the context.
type Manager struct{ bus bus }

// bus carries the calls.
type bus interface {
	call(ctx context.Context, object dbus.ObjectPath, method string, args ...any) ([]any, error)
	Close() error
}

// Close ends the connection.
func (m *Manager) Close() error { return m.bus.Close() }

// machineSocket is the machine's systemd's own; it listens to root only.
const machineSocket = "/run/systemd/private"

// Machine connects to the machine's systemd, for root.
func Machine(ctx context.Context) (*Manager, error) { return dial(ctx, machineSocket, false) }

// Reachable says what keeps this process from Machine: nothing, or that it is
// not root, or that it does not see the socket (in a container).
func Reachable() error {
	if os.Geteuid() != 0 {
		return errors.New("it listens to root only")
	}
	_, err := os.Stat(machineSocket)
	return err
}

// User connects to the user's systemd: to its own socket, which needs no bus,
// else through the user's bus.
func User(ctx context.Context) (*Manager, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	var failed []string
	for _, way := range []struct {
		socket string
		bus    bool
	}{{"systemd/private", false}, {"bus", true}} {
		m, err := dial(ctx, filepath.Join(dir, way.socket), way.bus)
		if err == nil {
			return m, nil
		}
		failed = append(failed, err.Error())
	}
	return nil, fmt.Errorf("the user's systemd cannot be reached (%s)", strings.Join(failed, "; "))
}

// runtimeDir is the user's XDG_RUNTIME_DIR, also where nobody set it (sudo -u,
// su, cron).
func runtimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("/run/user", strconv.Itoa(os.Geteuid()))
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil || st.Uid != uint32(os.Geteuid()) {
		return "", fmt.Errorf("no runtime directory %s of this user: there is no login session", dir)
	}
	return dir, nil
}

func dial(ctx context.Context, socket string, bus bool) (*Manager, error) {
	if _, err := os.Stat(socket); err != nil {
		return nil, err
	}
	conn, err := dbus.Dial("unix:path="+dbus.EscapeBusAddressValue(socket), dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	if err == nil && bus { // systemd's own socket has no bus to greet
		err = conn.Hello()
	}
	m := &Manager{bus: connection{conn}}
	if err == nil {
		err = m.awake(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

// awake waits until systemd answers. A first message that comes together with
// the end of the greeting lies in its buffer until another one comes (seen
// with systemd 252): so ask again.
func (m *Manager) awake(ctx context.Context) error {
	for patience := 50 * time.Millisecond; ; patience *= 2 {
		short, cancel := context.WithTimeout(ctx, patience)
		_, err := m.bus.call(short, managerPath, "org.freedesktop.DBus.Peer.Ping")
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// connection is a bus.
type connection struct{ *dbus.Conn }

func (c connection) call(ctx context.Context, object dbus.ObjectPath, method string, args ...any) ([]any, error) {
	call := c.Object(systemd, object).CallWithContext(ctx, method, 0, args...)
	if refused, ok := errors.AsType[dbus.Error](call.Err); ok {
		return nil, &Refusal{Name: refused.Name, Message: refused.Error()}
	}
	return call.Body, call.Err
}

// Refusal is systemd's own answer to a call.
type Refusal struct {
	Name    string // "org.freedesktop.systemd1.UnitExists"
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// UnitExists says that a unit of the name is there, or has not quite gone.
func (r *Refusal) UnitExists() bool { return r.Name == systemd+".UnitExists" }
