// SPDX-License-Identifier: Apache-2.0

package sandbox

// Accelerators are the devices that one attempt has to itself. Without them it
// sees none: not a node, and no rule of a cgroup that would let it open one.
type Accelerators struct {
	Class string   `json:"class"` // as resources.DeviceClass: "GPU" is NVIDIA's
	IDs   []string `json:"ids"`   // "GPU-…" and "MIG-…" with NVIDIA, by which engines and CDI know them, too
	// Nodes are the device nodes, absolute on the host and the same inside,
	// that the attempt may read and write.
	Nodes  []string `json:"nodes"`
	Groups []int    `json:"groups,omitempty"` // more gids, of nodes that are not for everybody
	// Env are NAME=value for the vendor's programs. They count above
	// the attempt's own values and an image's.
	Env []string `json:"env,omitempty"`
}
