// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"drydock/executor"
	"drydock/internal/config"
	"drydock/internal/options"
)

// capacityOf is what tasks may have of this machine, or of the node that it is
// taken for.
func capacityOf(s *config.Settings) (executor.Capacity, error) {
	node, err := options.Node(s.Get("node").Text)
	if err != nil {
		return executor.Capacity{}, err
	}
	reserve, err := options.Reserve(s.Get("reserve").Text)
	if err != nil {
		return executor.Capacity{}, err
	}
	total, err := executor.HostTotal()
	if err != nil {
		return executor.Capacity{}, err
	}
	usual, err := executor.HostCapacity()
	if err != nil {
		return executor.Capacity{}, err
	}
	c, err := options.Allocatable(node, reserve, total, usual)
	if err != nil {
		return c, &userError{what: err.Error(), cause: err}
	}
	return c, nil
}
