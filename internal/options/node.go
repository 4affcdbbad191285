// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"drydock/executor"
	"drydock/resources"
)

// NodeSpec is what this machine is taken for.
type NodeSpec struct {
	Capacity executor.Capacity // zero parts are this machine's own
	GPUs     []resources.Device
}

const (
	nodeForms    = "accepted: cpu=N, memory=SIZE, disk=SIZE, pids=N, gpu=TYPE:N, such as cpu=8,memory=32Gi,gpu=A100:2"
	reserveForms = "accepted: cpu=N, memory=SIZE, such as cpu=1,memory=4Gi"
)

// Node reads what this machine is to be taken for, such as
// cpu=8,memory=32Gi,gpu=A100:2; "" is itself. Only gpu may be there twice.
func Node(s string) (NodeSpec, error) {
	var n NodeSpec
	err := pairs(s, nodeForms, func(key, value string) (bool, error) {
		if key == "gpu" {
			device, _, err := resources.ParseGPU(value)
			if err == nil && device != nil {
				n.GPUs = append(n.GPUs, *device)
			}
			return true, resources.Brief(err)
		}
		return amount(&n.Capacity, key, value, 1, "cpu", "memory", "disk", "pids")
	})
	return n, err
}

// Reserve reads what is kept of this machine for everything but tasks; "" is
// nil, the usual.
func Reserve(s string) (*executor.Capacity, error) {
	if s == "" {
		return nil, nil
	}
	var c executor.Capacity
	err := pairs(s, reserveForms, func(key, value string) (bool, error) {
		return amount(&c, key, value, 0, "cpu", "memory")
	})
	return &c, err
}

// Allocatable is what tasks may have of a machine with so much in all: what
// node says, and of what it does not say all but the reserve. What node says
// is not reduced: a given node has that much for tasks.
func Allocatable(node NodeSpec, reserve *executor.Capacity, total, usual executor.Capacity) (executor.Capacity, error) {
	c := usual
	if reserve != nil {
		c = total.Less(*reserve)
	}
	if n := node.Capacity.CPUMilli; n > 0 {
		c.CPUMilli = n
	}
	if n := node.Capacity.Memory; n > 0 {
		c.Memory = n
	}
	c.Disk, c.Pids = node.Capacity.Disk, node.Capacity.Pids
	if c.CPUMilli <= 0 || c.Memory <= 0 {
		return c, fmt.Errorf("the reserve of %s leaves nothing of this machine's %s; keep less", reserve, total)
	}
	return c, nil
}

// pairs reads KEY=VALUE,…; read says whether it knows the key.
func pairs(s, forms string, read func(key, value string) (bool, error)) error {
	if s == "" {
		return nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || value == "" {
			return fmt.Errorf("%q is not KEY=VALUE; %s", part, forms)
		}
		if seen[key] && key != "gpu" {
			return fmt.Errorf("%s is there twice; %s", key, forms)
		}
		seen[key] = true
		known, err := read(key, value)
		if err != nil {
			return fmt.Errorf("%s: %w; %s", key, err, forms)
		}
		if !known {
			return fmt.Errorf("%q is not known; %s", key, forms)
		}
	}
	return nil
}

// amount reads one of the keys into c; at least so much of it.
func amount(c *executor.Capacity, key, value string, least int64, keys ...string) (known bool, err error) {
	if !slices.Contains(keys, key) {
		return false, nil
	}
	var to *int64
	var n int64
	switch key {
	case "cpu":
		to = &c.CPUMilli
		n, err = milli(value)
	case "memory":
		to = &c.Memory
		n, err = resources.ParseSize(value)
	case "disk":
		to = &c.Disk
		n, err = resources.ParseSize(value)
	case "pids":
		to = &c.Pids
		if n, err = strconv.ParseInt(value, 10, 64); err != nil {
			err = fmt.Errorf("%q is no whole number", value)
		}
	}
	if err == nil && n < least {
		err = fmt.Errorf("%s is too little", value)
	}
	*to = n
	return true, err
}

// milli reads a number of cores.
func milli(s string) (int64, error) {
	q, err := resources.Quantity(s).Parse()
	if err != nil {
		return 0, fmt.Errorf("%q is no number of cores", s)
	}
	return q.MilliValue(), nil
}
