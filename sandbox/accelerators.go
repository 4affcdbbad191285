// SPDX-License-Identifier: Apache-2.0

package sandbox

// Accelerators are the devices that one attempt has to itself. Without them it
// sees none: not a node, and no rule of a cgroup that would let it open one.
type Accelerators struct {
	Class string   `json:"class"` // as resources.DeviceClass: "GPU" is NVIDIA's
	IDs   []string `json:"ids"`   // "GPU-…" and "MIG-…" with NVIDIA, by which engines and CDI know them, too
	// Nodes are the device nodes, absolute on the host and the same inside,
	// that the attempt may read and write: character devices below /dev.
	Nodes  []string `json:"nodes"`
	Groups []int    `json:"groups,omitempty"` // more gids, of nodes that are not for everybody
	// Env are NAME=value for the vendor's programs. They count above
	// the attempt's own values and an image's.
	Env []string `json:"env,omitempty"`
}

// ClassNVIDIA is the Class of NVIDIA's GPUs (resources.ClassGPU), the one whose
// devices engines know by their ids.
const ClassNVIDIA = "GPU"

// NVIDIA says whether there are devices, and whether they are NVIDIA's.
func (a *Accelerators) NVIDIA() bool { return a != nil && a.Class == ClassNVIDIA }

// AcceleratorError says that an attempt cannot have its accelerators the way
// this machine is set up: nothing that the task's program did, and nothing that
// trying again would mend. Nothing of the attempt is left.
//
// Start returns it for what it sees beforehand. What only an engine can say
// comes as a StartError with StartAccelerator; see its Accelerator method.
type AcceleratorError struct {
	Message string
	Remedy  string // what to do
	// Stale says that a device was not there any more (a GPU was lost, or
	// partitioned anew): looking again at what there is may help, once.
	Stale bool
}

func (e *AcceleratorError) Error() string {
	msg := "accelerator: " + e.Message
	if e.Remedy != "" {
		msg += "; " + e.Remedy
	}
	return msg
}
