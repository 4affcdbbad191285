// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PCIAddress is an address as sysfs writes it, of one that NVIDIA's library
// writes with a longer domain and in capitals: 00000000:3B:00.0.
func PCIAddress(bus string) string {
	bus = strings.ToLower(bus)
	if domain, rest, ok := strings.Cut(bus, ":"); ok && len(domain) == 8 {
		return strings.TrimPrefix(domain, "0000") + ":" + rest
	}
	return bus
}

// MIGNodes reads which capability nodes MIG devices need, and returns who
// knows: of a GPU's node, a GPU instance and a compute instance in it. Lines
// are "gpu0/gi1/access 12" and "gpu0/gi1/ci0/access 13"; the number after gpu
// is the device's minor (NVIDIA's MIG guide, Device Nodes and Capabilities).
func MIGNodes(root string) func(node string, gi, ci int) []string {
	minors := map[string]string{}
	data, _ := os.ReadFile(filepath.Join(root, "proc/driver/nvidia-caps/mig-minors")) // not there without MIG
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 2 {
			minors[fields[0]] = fields[1]
		}
	}
	return func(node string, gi, ci int) []string {
		card := "gpu" + strings.TrimPrefix(node, "/dev/nvidia")
		var nodes []string
		for _, key := range []string{fmt.Sprintf("%s/gi%d/access", card, gi), fmt.Sprintf("%s/gi%d/ci%d/access", card, gi, ci)} {
			if minor, ok := minors[key]; ok {
				nodes = append(nodes, "/dev/nvidia-caps/nvidia-cap"+minor)
			}
		}
		return nodes
	}
}

// MachineMemory is the machine's memory in bytes; nil: not known.
func MachineMemory(root string) *int64 {
	data, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				bytes := kib << 10
				return &bytes
			}
		}
	}
	return nil
}

// word is the text of a file without the blanks around it; "" where there is none.
func word(parts ...string) string {
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
