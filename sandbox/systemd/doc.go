// SPDX-License-Identifier: Apache-2.0

// Package systemd asks a systemd for scopes and slices: the machine's, or the
// user's own. It speaks to systemd's own socket where there is one, so that no
// D-Bus daemon is needed, and is the only package that knows D-Bus.
//
// What the calls and properties mean: org.freedesktop.systemd1(5),
// systemd.resource-control(5), systemd.slice(5).
package systemd
