// SPDX-License-Identifier: Apache-2.0

package gpu

import "slices"

// Owned is the inventory with the processes on devices that tasks hold taken
// for those tasks', where nothing else tells: an engine's containers may run in
// cgroups that do not name the task. tasks are the holders' ids, by device.
func (inv Inventory) Owned(tasks map[ID]string) Inventory {
	own := func(processes []Process, id ID) []Process {
		task := tasks[id]
		if task == "" {
			return processes
		}
		processes = slices.Clone(processes)
		for i := range processes {
			if processes[i].Task == "" && processes[i].Kind == Compute {
				processes[i].Task = task
			}
		}
		return processes
	}
	inv.Devices = slices.Clone(inv.Devices)
	for i := range inv.Devices {
		d := &inv.Devices[i]
		d.Processes = own(d.Processes, d.ID)
		if d.MIG == nil {
			continue
		}
		mig := *d.MIG
		mig.Parts = slices.Clone(mig.Parts)
		for j := range mig.Parts {
			mig.Parts[j].Processes = own(mig.Parts[j].Processes, mig.Parts[j].ID)
		}
		d.MIG = &mig
	}
	return inv
}
