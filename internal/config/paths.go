// SPDX-License-Identifier: Apache-2.0

package config

import "path/filepath"

// Paths are the standard places of this user.
type Paths struct {
	Config string // config.yaml and cluster.yaml
	State  string
}

// StandardPaths are the XDG base directories, and the system's own for root.
func StandardPaths(root bool, env func(string) (string, bool)) Paths {
	if root {
		return Paths{Config: "/etc/drydock", State: "/var/lib/drydock"}
	}
	home, _ := env("HOME")
	return Paths{
		Config: filepath.Join(xdg(env, "XDG_CONFIG_HOME", home, ".config"), "drydock"),
		State:  filepath.Join(xdg(env, "XDG_STATE_HOME", home, ".local/state"), "drydock"),
	}
}

// xdg ignores a relative path, as the specification asks.
func xdg(env func(string) (string, bool), name, home, below string) string {
	if v, ok := env(name); ok && filepath.IsAbs(v) {
		return v
	}
	return filepath.Join(home, below)
}
