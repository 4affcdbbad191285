// SPDX-License-Identifier: Apache-2.0

package cli

import "drydock/internal/config"

// loadSettings resolves drydock's settings; flags are those that were written.
func loadSettings(w World, file string, flags map[string]string) (*config.Settings, error) {
	return config.Load(config.Inputs{Flags: flags, Env: w.env, Root: w.Root, File: file})
}

func placeOf(s *config.Settings) Place {
	p := Place{StateDir: s.Get("state_dir").Text, Shim: s.Get("shim").Text}
	if lease := s.Get("lease_dir"); lease.Origin.Kind != config.FromDefault {
		p.LeaseDir = lease.Text
	}
	return p
}
