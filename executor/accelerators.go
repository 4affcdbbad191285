// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"strings"

	"drydock/gpu"
	"drydock/resources"
	"drydock/sandbox"
)

// Accelerators are the devices that an attempt was given, or why it runs
// without what was asked for.
type Accelerators struct {
	Class   resources.DeviceClass `json:"class"`
	Devices []HeldDevice          `json:"devices,omitempty"`
	// Pretended says that the devices are those of the node that this machine is
	// taken for: they count like others, and the task sees none.
	Pretended bool `json:"pretended,omitempty"`
	// Ignored is why there are none, although they were asked for: the machine
	// lacks them, and the profile says missing: ignore.
	Ignored string   `json:"ignored,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what stands for what, what was left out
}

// HeldDevice is one device of an attempt.
type HeldDevice struct {
	ID       string   `json:"id"`                 // "GPU-…"
	As       string   `json:"as,omitempty"`       // what it was given for: "A100_80G (substitute for A100)"
	Excludes []string `json:"excludes,omitempty"` // see sandbox.Device
}

// String is what the attempt has in a few words, such as "H100 (GPU-…)"; "" for
// what it does without.
func (a *Accelerators) String() string {
	if a == nil || len(a.Devices) == 0 {
		return ""
	}
	var names, ids []string
	for _, d := range a.Devices {
		if len(names) == 0 || names[len(names)-1] != d.As {
			names = append(names, d.As)
		}
		ids = append(ids, d.ID)
	}
	text := strings.Join(names, ", ")
	if n := len(a.Devices); n > 1 {
		text = fmt.Sprintf("%d × %s", n, text)
	}
	return fmt.Sprintf("%s (%s)", text, strings.Join(ids, ", "))
}

// Without is why a task does not see what it asked for; "": it does, or asked
// for nothing.
func (a *Accelerators) Without() string {
	switch {
	case a == nil:
		return ""
	case a.Ignored != "":
		return "runs without, as --gpu-missing=ignore allows: " + a.Ignored
	case a.Pretended:
		return "runs without: the node that this machine is taken for has " + a.String() + ", this machine has not"
	}
	return ""
}

// enforcement says so beside what is held of limits.
func (a *Accelerators) enforcement() []sandbox.Enforcement {
	why := a.Without()
	if why == "" {
		return nil
	}
	return []sandbox.Enforcement{{Limit: "gpu", State: sandbox.NotEnforced, Why: why}}
}

// held are what the devices are in the books: they, and no others.
func (a *Accelerators) held() []sandbox.Device {
	if a == nil {
		return nil
	}
	held := make([]sandbox.Device, len(a.Devices))
	for i, d := range a.Devices {
		held[i] = sandbox.Device{ID: d.ID, Excludes: d.Excludes}
	}
	return held
}

// accelerators records what was picked of a match.
func accelerators(inv gpu.Inventory, m gpu.Match, picked []gpu.Choice) (*Accelerators, *sandbox.Accelerators) {
	a := &Accelerators{Class: m.Asked.Class, Ignored: m.Ignored, Notes: m.Notes}
	if len(picked) == 0 {
		return a, nil
	}
	granted := inv.Grant(picked)
	a.Class, a.Pretended = granted.Class, granted.Pretended
	for _, c := range picked {
		a.Devices = append(a.Devices, HeldDevice{ID: string(c.ID), As: c.As, Excludes: texts(c.Excludes)})
	}
	if granted.Pretended {
		return a, nil
	}
	return a, &sandbox.Accelerators{Class: string(granted.Class), IDs: texts(granted.IDs), Nodes: granted.Nodes,
		Groups: granted.Groups, Env: granted.Env}
}

func texts(ids []gpu.ID) []string {
	var words []string
	for _, id := range ids {
		words = append(words, string(id))
	}
	return words
}
