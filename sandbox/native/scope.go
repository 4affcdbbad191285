// SPDX-License-Identifier: Apache-2.0

package native

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

	"drydock/sandbox/cgroup"
)

// What `systemd-run --user --scope -p Delegate=yes` does for a command that it
// starts, the user's systemd does for a process that runs already, too: it
// makes a scope, moves the process there and hands the scope's cgroup over.
// The scope lasts as long as any process is in it: a supervisor that outlives
// drydock keeps it.

// scopePatience bounds the talk with the user's systemd.
const scopePatience = 10 * time.Second

// enterScope has the user's systemd move this process into a delegated scope
// of its own, unless the unit that it is in is delegated.
func enterScope(h cgroup.Hierarchy) (cgroup.Delegation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scopePatience)
	defer cancel()
	conn, err := dialUserManager(ctx)
	if err != nil {
		return cgroup.Delegation{}, err
	}
	defer conn.Close()
	if delegatedUnit(ctx, conn) {
		return h.Delegated()
	}
	if err := startScope(ctx, conn, fmt.Sprintf("drydock-%d-%x.scope", os.Getpid(), time.Now().UnixNano())); err != nil {
		return cgroup.Delegation{}, err
	}
	// The answer to the call says that the job is queued, not that it is done.
	for {
		if d, err := h.Delegated(); err == nil && filepath.Ext(d.Path) == ".scope" {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return cgroup.Delegation{}, errors.New("the user's systemd did not move this process into a scope")
		case <-time.After(time.Millisecond):
		}
	}
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

// dialUserManager connects to the user's systemd: to its own socket, which
// needs no bus, else through the user's bus.
func dialUserManager(ctx context.Context) (*dbus.Conn, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	var failed []string
	for _, way := range []struct {
		socket string
		bus    bool
	}{{"systemd/private", false}, {"bus", true}} {
		conn, err := dialBus(ctx, filepath.Join(dir, way.socket), way.bus)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err.Error())
	}
	return nil, fmt.Errorf("the user's systemd cannot be reached (%s)", strings.Join(failed, "; "))
}

func dialBus(ctx context.Context, socket string, bus bool) (*dbus.Conn, error) {
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
	if err == nil {
		err = awake(ctx, conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// awake waits until systemd answers. A first message that comes together with
// the end of the greeting lies in its buffer until another one comes (seen
// with systemd 252): so ask again.
func awake(ctx context.Context, conn *dbus.Conn) error {
	for patience := 50 * time.Millisecond; ; patience *= 2 {
		short, cancel := context.WithTimeout(ctx, patience)
		err := conn.Object(systemd, manager).CallWithContext(short, "org.freedesktop.DBus.Peer.Ping", 0).Err
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

const (
	systemd = "org.freedesktop.systemd1"
	manager = dbus.ObjectPath("/org/freedesktop/systemd1")
)

// delegatedUnit reports whether this process is in a unit of the user's that
// was started with Delegate=yes, by systemd-run for example.
func delegatedUnit(ctx context.Context, conn *dbus.Conn) bool {
	var unit dbus.ObjectPath
	err := conn.Object(systemd, manager).CallWithContext(ctx, systemd+".Manager.GetUnitByPID", 0, uint32(os.Getpid())).Store(&unit)
	if err != nil {
		return false // it is none of the user's
	}
	for _, kind := range []string{".Scope", ".Service"} {
		var value dbus.Variant
		err := conn.Object(systemd, unit).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, systemd+kind, "Delegate").Store(&value)
		if delegated, ok := value.Value().(bool); err == nil && ok {
			return delegated
		}
	}
	return false
}

// unitProperty is D-Bus's (sv).
type unitProperty struct {
	Name  string
	Value dbus.Variant
}

// auxiliaryUnit is D-Bus's (sa(sv)); none is used.
type auxiliaryUnit struct {
	Name       string
	Properties []unitProperty
}

// startScope asks for the scope (org.freedesktop.systemd1(5)).
func startScope(ctx context.Context, conn *dbus.Conn, name string) error {
	properties := []unitProperty{
		{"Description", dbus.MakeVariant("drydock and the tasks that it runs")},
		{"PIDs", dbus.MakeVariant([]uint32{uint32(os.Getpid())})},
		{"Delegate", dbus.MakeVariant(true)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")}, // leave no failed unit behind
	}
	call := conn.Object(systemd, manager).CallWithContext(ctx, systemd+".Manager.StartTransientUnit", 0, name, "fail", properties, []auxiliaryUnit{})
	if call.Err != nil {
		return fmt.Errorf("ask the user's systemd for a scope: %w", call.Err)
	}
	return nil
}
