// SPDX-License-Identifier: Apache-2.0

package native

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"drydock/sandbox"
)

// stateRoot is the state directory that an attempt's directory belongs to:
// STATE/tasks/ID/attempts/N. Any other directory is its own.
func stateRoot(dir string) string {
	attempts := filepath.Dir(dir)
	tasks := filepath.Dir(filepath.Dir(attempts))
	if filepath.Base(attempts) == "attempts" && filepath.Base(tasks) == "tasks" {
		return filepath.Dir(tasks)
	}
	return dir
}

// cacheName is the directory of compiled seccomp filters.
const cacheName = "cache"

// stateEntries are what lies in a state directory. They are hidden one by
// one, so that a working directory inside stays visible.
var stateEntries = []string{"tasks", cacheName, "runs", "images", "objects", "version", "history.db", "history.db-wal", "history.db-shm"}

// hideState takes drydock's own files out of sight: this state directory's,
// and the machine's.
func (v *hostView) hideState(dir string) {
	roots := []string{stateRoot(dir), "/var/lib/drydock"}
	if stateRoot(dir) == dir { // not in a state directory: a test's
		v.hide(dir, dir)
		roots = roots[1:]
	}
	for _, root := range slices.Compact(roots) {
		for _, entry := range stateEntries {
			hidden := filepath.Join(root, entry)
			if _, err := os.Lstat(hidden); err == nil && !within(v.workDir, hidden) {
				v.hide(root, hidden)
			}
		}
	}
}

// hide masks a host path wherever it is seen: in the root file system and in
// every bind that holds it.
func (v *hostView) hide(root, path string) {
	v.masked = append(v.masked, path)
	for _, b := range slices.Clone(v.binds) {
		if !within(path, b.Source) {
			continue
		}
		if b.Source != root && within(root, b.Source) {
			v.pin(b, root)
		}
		v.masked = append(v.masked, inside(b, path))
	}
}

// pin makes every directory from a bind down to the state directory a mount
// point of its own. What is writable could else be renamed, the mask with it,
// and another directory put in its place for us to walk into.
func (v *hostView) pin(b sandbox.Mount, root string) {
	for dir := root; dir != b.Source; dir = filepath.Dir(dir) {
		v.pins = append(v.pins, sandbox.Mount{Source: dir, Target: inside(b, dir), ReadOnly: b.ReadOnly})
	}
}

// inside is where a host path below a bind's source is seen.
func inside(b sandbox.Mount, path string) string {
	return filepath.Join(b.Target, strings.TrimPrefix(path, b.Source))
}

// addPins binds the pinned directories, outer ones first.
func (v *hostView) addPins() {
	slices.SortStableFunc(v.pins, func(x, y sandbox.Mount) int { return strings.Compare(x.Target, y.Target) })
	for i, p := range v.pins {
		if i == 0 || p.Target != v.pins[i-1].Target {
			v.addBind(p)
		}
	}
}

// maskSockets hides the host's sockets below a directory that is shown as it
// is. Through an overlay they cannot be connected to anyway.
func (v *hostView) maskSockets(dir string, which func(path string) bool) {
	data, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return
	}
	for _, socket := range boundSockets(string(data)) {
		// No symbolic links are followed: that could wait for a dead server.
		if within(socket, dir) && which(socket) {
			v.masked = append(v.masked, socket)
		}
	}
}

// boundSockets lists the paths of the bound sockets in /proc/net/unix; an
// abstract one begins with @.
func boundSockets(table string) []string {
	var paths []string
	for line := range strings.Lines(table) {
		i := strings.Index(line, " /")
		if i < 0 {
			continue
		}
		if socket := strings.TrimRight(line[i+1:], "\n"); !slices.Contains(paths, socket) {
			paths = append(paths, socket)
		}
	}
	return paths
}

// loginSockets are engines and agents that lend out their owner's rights:
// container engines, ssh and gpg agents, key rings, D-Bus, display servers.
var loginSockets = []string{
	"docker*.sock", "containerd*.sock", "podman*.sock", "crio*.sock", "buildkitd*.sock", "kubelet*.sock", "libvirt-sock*",
	"S.gpg-agent*", "S.scdaemon*", "S.keyboxd*", "agent.*", "*agent*.sock", "ssh-agent*", "ssh", "control", "pkcs11",
	"bus", "system_bus_socket", "dbus-*", "X[0-9]*", "wayland-*", "pulse*", "pipewire-*", "vscode-*.sock", "*tmux*", "snapd*.socket",
}

// isLoginSocket recognises them by name, or by the caller's own environment.
func isLoginSocket(socket string) bool {
	for _, pattern := range loginSockets {
		if ok, _ := path.Match(pattern, filepath.Base(socket)); ok {
			return true
		}
	}
	if strings.Contains(socket, "/tmux-") || strings.Contains(socket, "/keyring/") {
		return true
	}
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS", "SSH_AUTH_SOCK", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"} {
		if value := os.Getenv(name); value != "" && strings.Contains(value, socket) {
			return true
		}
	}
	return false
}
