// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"slices"
	"strings"
)

// hidden is how much memory may be in use without a process that is to be
// seen: what drivers keep back unsaid. Beyond it somebody is there.
const hidden = 512 << 20

// Sick is why a device is not to be given out until somebody mends it.
func (d Device) Sick() string {
	if d.Health == "" && d.MIG != nil && d.MIG.Pending {
		return "MIG change pending, GPU reset needed"
	}
	return d.Health
}

// Busy is who uses the device that is no task of drydock's: "" when nobody
// does, or only to draw.
func (d Device) Busy() string {
	if d.Partitioned() {
		return "" // asked of its parts
	}
	if text := strangers(d.Processes, d.Exclusive); text != "" {
		return fmt.Sprintf("%s in use by %s", d.ID, text)
	}
	if d.Used == nil || d.Unified || len(d.Processes) > 0 {
		return ""
	}
	if *d.Used > hidden {
		return fmt.Sprintf("%s in use by an unknown owner (%s, no process to be seen)", d.ID, GiB(*d.Used))
	}
	return ""
}

// Busy is who uses the device or MIG device of an ID; "" also where there is
// none.
func (inv Inventory) Busy(id ID) string {
	d, part, ok := inv.find(id)
	switch {
	case !ok:
		return ""
	case part != nil:
		return part.Busy()
	}
	return d.Busy()
}

// Busy is who uses the MIG device that is no task of drydock's.
func (p Part) Busy() string {
	if text := strangers(p.Processes, false); text != "" {
		return fmt.Sprintf("%s in use by %s", p.ID, text)
	}
	return ""
}

// Draining reports whether the driver still has to do with a process of a task
// that has ended, or that it died: its memory comes back later, after a large
// one by seconds. A process that /proc does not know any more counts as one.
func (inv Inventory) Draining(id ID, task string) bool {
	d, part, ok := inv.find(id)
	if !ok {
		return false
	}
	processes := d.Processes
	if part != nil {
		processes = part.Processes
	} else if len(processes) == 0 && d.Used != nil && !d.Unified {
		return *d.Used > hidden
	}
	return slices.ContainsFunc(processes, func(p Process) bool { return p.Task == task || p.UID == nil && p.Task == "" })
}

// strangers lists processes that compute and belong to no task. With
// exclusive, one that draws keeps all others out as well.
func strangers(processes []Process, exclusive bool) string {
	var texts []string
	for _, p := range processes {
		if p.Task == "" && (p.Kind == Compute || exclusive) {
			texts = append(texts, p.String())
		}
	}
	return strings.Join(texts, ", ")
}

// String is "pid 4242 (uid 1001, python, 30.1 GiB)".
func (p Process) String() string {
	owner := "unknown owner"
	if p.UID != nil {
		owner = fmt.Sprintf("uid %d", *p.UID)
	}
	parts := []string{owner}
	if p.Name != "" {
		parts = append(parts, p.Name)
	}
	if p.Memory != nil {
		parts = append(parts, GiB(*p.Memory))
	}
	return fmt.Sprintf("pid %d (%s)", p.PID, strings.Join(parts, ", "))
}

// GiB writes bytes of device memory as people name cards: 30.1 GiB.
func GiB(bytes int64) string {
	s := fmt.Sprintf("%.1f", float64(bytes)/(1<<30))
	return strings.TrimSuffix(s, ".0") + " GiB"
}

// Draws reports whether a screen hangs on the device.
func (d Device) Draws() bool {
	for _, p := range d.Processes {
		if p.Kind == Display {
			return true
		}
	}
	return d.Display
}
