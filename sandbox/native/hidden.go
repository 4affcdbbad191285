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
var stateEntries = []string{"tasks", cacheName, "runs", "images", "objects", "version", "history.db", "history.db-wal", "history.db-shm",
	"history.db.lock", "retained", "retained-runs"}

// hidden lists drydock's own files: this state directory's, and the machine's.
func (v *hostView) hidden(dir string) []hiddenPath {
	roots := []string{stateRoot(dir), "/var/lib/drydock"}
	var all []hiddenPath
	if stateRoot(dir) == dir { // not in a state directory: a test's
		all = append(all, hiddenPath{root: dir, path: dir})
		roots = roots[1:]
	}
	for _, root := range slices.Compact(roots) {
		for _, entry := range stateEntries {
			path := filepath.Join(root, entry)
			if _, err := os.Lstat(path); err == nil && (v.hostDir == "" || !within(v.hostDir, path)) {
				all = append(all, hiddenPath{root: root, path: path, state: true})
			}
		}
	}
	return all
}

// hiddenPaths are what a caller wants out of sight; what is not there is.
func hiddenPaths(paths []string) []hiddenPath {
	var all []hiddenPath
	for _, path := range paths {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			all = append(all, hiddenPath{root: filepath.Dir(resolved), path: resolved})
		}
	}
	return all
}

// hiddenPath is a host path that no task may see, and the directory that it
// belongs to.
type hiddenPath struct {
	root, path string
	state      bool // root is a state directory: nobody but drydock has business in it
}

// addBinds mounts the binds in their order, and takes the hidden paths out of
// sight wherever they are seen: in the root file system and in every bind that
// holds them.
func (v *hostView) addBinds(hidden []hiddenPath) {
	for _, h := range hidden {
		v.hide(h.path, v.binds)
	}
	for i, b := range v.binds {
		v.addBind(b)
		v.pin(b, hidden)
		for _, h := range hidden {
			if within(h.path, b.Source) {
				v.hide(inside(b, h.path), v.binds[i+1:])
			}
		}
	}
}

// hide takes a path inside out of sight. later are the binds that are mounted
// after it: where one shows something else there, nothing is to be hidden;
// where one was asked for below it, an empty file system takes the path's
// place first, since the runtime masks only when everything is mounted.
func (v *hostView) hide(path string, later []sandbox.Mount) {
	if mountOver(later, path) != nil {
		return
	}
	if !slices.ContainsFunc(later, func(b sandbox.Mount) bool { return within(b.Target, path) }) {
		v.masked = append(v.masked, path)
		return
	}
	v.mounts = append(v.mounts, emptyMount(path))
}

// pin makes every directory from a bind down to a state directory below it a
// mount point of its own. What is writable could else be renamed, the mask
// with it, and another directory put in its place for us to walk into. In the
// state directory itself nothing can be made: a link by the name of what is
// not there yet would lead us elsewhere later.
func (v *hostView) pin(b sandbox.Mount, hidden []hiddenPath) {
	var dirs, closed []string
	for _, h := range hidden {
		if h.state && !within(v.workSource(), h.root) {
			closed = append(closed, h.root)
		}
		for dir := h.root; dir != b.Source && within(dir, b.Source); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs) // the outer ones first
	for _, dir := range slices.Compact(dirs) {
		mode := "rw"
		if slices.Contains(closed, dir) {
			mode = "ro" // of itself alone: what is mounted below is hidden
		}
		v.addBindAs(sandbox.Mount{Source: dir, Target: inside(b, dir), ReadOnly: b.ReadOnly}, mode)
	}
}

// inside is where a host path below a bind's source is seen.
func inside(b sandbox.Mount, path string) string {
	return filepath.Join(b.Target, strings.TrimPrefix(path, b.Source))
}

// maskSockets hides the host's sockets below a directory that is shown as it
// is. Through an overlay they cannot be connected to anyway.
func (v *hostView) maskSockets(dir string, which func(path string) bool) {
	data, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return
	}
	for _, socket := range boundSockets(string(data)) {
		// No symbolic links are followed: that could wait for a dead server. A
		// name below /proc (a way around the length of a name) means nothing
		// to anybody but the one who bound it.
		if within(socket, dir) && !within(socket, "/proc") && which(socket) {
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
