// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"net/netip"

	"github.com/docker/docker/api/types/network"
)

// Gateway is the address of the engine's host on its default bridge, by which
// containers of NetworkBridge reach it. It is this machine's when Info.Local.
// The zero Addr: there is no such network.
func (e *Engine) Gateway(ctx context.Context) (netip.Addr, error) {
	name := "bridge"
	if e.info.Podman() {
		name = "podman"
	}
	var found network.Inspect
	err := e.call(ctx, "look up the default bridge", e.limits.quick, func(ctx context.Context) (err error) {
		found, err = e.client.NetworkInspect(ctx, name, network.InspectOptions{})
		return err
	})
	if KindOf(err) == NotFound {
		return netip.Addr{}, nil
	}
	if err != nil {
		return netip.Addr{}, err
	}
	for _, config := range found.IPAM.Config {
		if address, err := netip.ParseAddr(config.Gateway); err == nil && address.Is4() {
			return address, nil
		}
	}
	return netip.Addr{}, nil
}
