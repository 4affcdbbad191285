// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"fmt"
	"strings"

	"drydock/gpu"
	"drydock/internal/report"
)

// States of a device, the worst that is true.
const (
	deviceUnusable    = "unusable"    // nobody may use it as it is set up
	deviceUnhealthy   = "unhealthy"   // something is wrong with it
	deviceHeld        = "held"        // a task has it
	deviceInUse       = "in use"      // a stranger's program is on it
	devicePartitioned = "partitioned" // it is had in parts
	deviceFree        = "free"
)

func deviceState(d gpu.Device, h *holder) (state, why string) {
	busy := d.Busy()
	switch {
	case d.Unusable != "":
		return deviceUnusable, d.Unusable
	case d.Sick() != "":
		return deviceUnhealthy, d.Sick()
	case h != nil:
		return deviceHeld, heldBy(h)
	case busy != "":
		return deviceInUse, strings.TrimPrefix(busy, string(d.ID)+" in use ")
	case d.Partitioned():
		return devicePartitioned, "in MIG mode, " + counted(len(d.MIG.Parts), "MIG device")
	case d.Draws():
		return deviceFree, "drives a screen: given last"
	}
	return deviceFree, ""
}

// partState is a MIG device's: what is wrong with its GPU is wrong with it.
func partState(parent string, p gpu.Part, h *holder) (state, why string) {
	busy := p.Busy()
	switch {
	case parent == deviceUnusable || parent == deviceUnhealthy:
		return parent, "as its GPU"
	case h != nil:
		return deviceHeld, heldBy(h)
	case busy != "":
		return deviceInUse, strings.TrimPrefix(busy, string(p.ID)+" in use ")
	}
	return deviceFree, ""
}

func heldBy(h *holder) string { return fmt.Sprintf("by task %s (attempt %d)", h.ID, h.Attempt) }

// devicesText is the table, and what is not in it.
func devicesText(s report.Style, doc devicesDocument, width int) string {
	var b strings.Builder
	if len(doc.Devices) == 0 {
		b.WriteString("no accelerators on this machine\n")
	} else {
		b.WriteString(table(deviceRows(s, doc.Devices), width))
	}
	for _, id := range doc.Refreshed {
		fmt.Fprintf(&b, "\n%s is found well: tasks may have it again\n", report.OneLine(string(id)))
	}
	if d := doc.Driver; d != nil && d.Version != "" {
		fmt.Fprintf(&b, "\nNVIDIA driver %s", report.OneLine(d.Version))
		if d.CUDA != "" {
			fmt.Fprintf(&b, ", CUDA up to %s", report.OneLine(d.CUDA))
		}
		if d.Source != "nvml" {
			fmt.Fprintf(&b, " (told by %s: less is known)", report.OneLine(d.Source))
		}
		b.WriteByte('\n')
	}
	for _, p := range doc.Problems {
		b.WriteString("\n" + s.Warn(report.OneLine(p.Text)) + "\n")
		if p.Remedy != "" {
			b.WriteString("  fix: " + report.OneLine(p.Remedy) + "\n")
		}
	}
	return b.String()
}

func deviceRows(s report.Style, devices []deviceLine) [][]cell {
	head := func(text string) cell { return cell{text, s.Dim} }
	rows := [][]cell{{head("DEVICE"), head("TYPE"), head("PRODUCT"), head("MEMORY"), head("STATE"), head("")}}
	for _, d := range devices {
		rows = append(rows, []cell{plain(string(d.ID)), plain(typeColumn(d.Device)), plain(d.Name), plain(memoryOf(d.Device)),
			paintState(s, d.State), plain(d.Why)})
		if d.MIG == nil {
			continue
		}
		for _, p := range d.MIG.Parts {
			rows = append(rows, []cell{plain("  " + string(p.ID)), plain(orDash(p.Profile)), plain(""), plain(partMemory(p.Part)),
				paintState(s, p.State), plain(p.Why)})
		}
	}
	return rows
}

func typeColumn(d gpu.Device) string {
	text := orDash(strings.Join(append([]string{d.Type}, d.Also...), " or "))
	if d.Partition != "" && !strings.HasPrefix(d.Partition, "SPX") {
		text += " " + d.Partition
	}
	return text
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func memoryOf(d gpu.Device) string {
	switch {
	case d.Memory == nil:
		return "-"
	case d.Unified:
		return gpu.GiB(*d.Memory) + ", shared"
	case d.Used == nil:
		return gpu.GiB(*d.Memory)
	}
	return strings.TrimSuffix(gpu.GiB(*d.Used), " GiB") + " of " + gpu.GiB(*d.Memory)
}

func partMemory(p gpu.Part) string {
	if p.Memory == nil {
		return "-"
	}
	return gpu.GiB(*p.Memory)
}

func paintState(s report.Style, state string) cell {
	c := plain(state)
	switch state {
	case deviceFree:
		c.paint = s.Good
	case deviceUnusable, deviceUnhealthy:
		c.paint = s.Bad
	case deviceInUse:
		c.paint = s.Warn
	}
	return c
}
