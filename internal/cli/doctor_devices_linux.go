// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"

	"drydock/gpu/health"
	"drydock/internal/devicecheck"
	"drydock/resources"
	"drydock/sandbox/supervise/client"
)

// acceleratorFindings looks at the machine's accelerators. The engine is asked
// where there are NVIDIA's GPUs, which it needs NVIDIA's toolkit for.
func acceleratorFindings(ctx context.Context, w World, p Place) []devicecheck.Finding {
	groups, _ := os.Getgroups() // none are known
	m := devicecheck.Machine{Inventory: health.Apply(string(client.LeasesIn(p.LeaseDir)), w.Devices(ctx)), UID: os.Getuid(), Groups: groups}
	if s, ok := w.Sandboxes.(interface {
		DeviceEngine(context.Context, Place) *devicecheck.Engine
	}); ok && len(m.Inventory.Of(resources.ClassGPU)) > 0 {
		m.Engine = s.DeviceEngine(ctx, p)
	}
	return m.Findings()
}
