// SPDX-License-Identifier: Apache-2.0

package executor

import "drydock/sandbox/supervise/client"

// marksOf is where GPUs are remembered as unhealthy (package health): beside
// the leases. An Executor that shares nothing remembers nothing.
func marksOf(c Config) string {
	if c.LeaseDir == "" && !c.Capacity.IsZero() {
		return ""
	}
	return string(client.LeasesIn(c.LeaseDir))
}
