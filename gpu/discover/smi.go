// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"drydock/gpu"
	"drydock/resources"
)

const (
	smiGPUs = "index,uuid,name,pci.bus_id,memory.total,memory.used,mig.mode.current,mig.mode.pending,compute_mode,display_active,driver_version"
	smiUse  = "uuid,memory.used,memory.total,utilization.gpu"
	smiApps = "gpu_uuid,pid,used_memory"
)

// smi asks nvidia-smi what the library would say. It tells less: no topology,
// no health, and of MIG devices only their profiles.
func smi(ctx context.Context, o Options) (gpu.Inventory, error) {
	out, err := ask(ctx, o.Limit, o.SMI, "--query-gpu="+smiGPUs, "--format=csv,noheader,nounits")
	if err != nil {
		return gpu.Inventory{}, err
	}
	inv, err := smiDevices(out)
	if err != nil {
		return gpu.Inventory{}, err
	}
	if out, err := ask(ctx, o.Limit, o.SMI, "--query-compute-apps="+smiApps, "--format=csv,noheader,nounits"); err == nil {
		smiProcesses(out, inv.Devices)
	}
	for _, d := range inv.Devices {
		if d.Partitioned() {
			if out, err := ask(ctx, o.Limit, o.SMI, "-L"); err == nil {
				smiParts(string(out), inv.Devices)
			}
			break
		}
	}
	return inv, nil
}

// smiDevices reads the GPUs. A figure in brackets ([N/A], [Not Supported]) is
// not known, never 0.
func smiDevices(out []byte) (gpu.Inventory, error) {
	var inv gpu.Inventory
	rows, err := smiRows(out, strings.Count(smiGPUs, ",")+1)
	if err != nil {
		return inv, err
	}
	for _, row := range rows {
		index, err := strconv.Atoi(row[0])
		if err != nil {
			return inv, fmt.Errorf("nvidia-smi counts %q", row[0])
		}
		d := gpu.Device{Class: resources.ClassGPU, Index: index, ID: gpu.ID(row[1]), Name: row[2], PCI: PCIAddress(row[3]),
			Memory: mebibytes(row[4]), Used: mebibytes(row[5]), Virtual: gpu.IsVirtual(row[2]), Display: row[9] == "Enabled"}
		d.Type, d.Rule = gpu.TypeOf(d.Name, 0, d.Memory)
		if known(row[6]) {
			d.MIG = &gpu.MIG{Enabled: row[6] == "Enabled", Pending: known(row[7]) && row[6] != row[7]}
		}
		switch row[8] {
		case "Prohibited":
			d.Unusable = "compute mode PROHIBITED"
		case "Exclusive_Process", "Exclusive_Thread":
			d.Exclusive = true
		}
		inv.Driver = &gpu.Driver{Version: row[10], Source: "nvidia-smi"}
		inv.Devices = append(inv.Devices, d)
	}
	return inv, nil
}

func smiProcesses(out []byte, devices []gpu.Device) {
	rows, err := smiRows(out, 3)
	if err != nil {
		return
	}
	for _, row := range rows {
		pid, err := strconv.Atoi(row[1])
		if err != nil {
			continue
		}
		for i := range devices {
			if string(devices[i].ID) == row[0] {
				devices[i].Processes = append(devices[i].Processes, gpu.Process{PID: pid, Kind: gpu.Compute, Memory: mebibytes(row[2])})
			}
		}
	}
}

var (
	smiGPULine = regexp.MustCompile(`^GPU \d+: .*\(UUID: (GPU-[^)]+)\)`)
	smiMIGLine = regexp.MustCompile(`^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)`)
)

// smiParts reads "  MIG 1g.10gb     Device  0: (UUID: MIG-…)" below its GPU.
func smiParts(out string, devices []gpu.Device) {
	var under *gpu.Device
	for line := range strings.Lines(out) {
		if m := smiGPULine.FindStringSubmatch(line); m != nil {
			under = nil
			for i := range devices {
				if string(devices[i].ID) == m[1] {
					under = &devices[i]
				}
			}
		}
		if m := smiMIGLine.FindStringSubmatch(line); m != nil && under != nil && under.MIG != nil {
			p := gpu.Part{ID: gpu.ID(m[2]), Raw: "MIG " + m[1], GI: -1, CI: -1}
			if profile, ok := gpu.ParseProfile(m[1]); ok {
				p.Profile = gpu.Canonical(under.Type, profile)
			}
			under.MIG.Parts = append(under.MIG.Parts, p)
		}
	}
}

// smi asks nvidia-smi what whole GPUs are used for. Of MIG devices it does not
// tell.
func (w *watch) smi(ctx context.Context) (gpu.Look, error) {
	out, err := ask(ctx, w.Limit, w.SMI, "--query-gpu="+smiUse, "--format=csv,noheader,nounits")
	if err != nil {
		return gpu.Look{}, fmt.Errorf("nvidia-smi could not be asked: %w", err)
	}
	rows, err := smiRows(out, strings.Count(smiUse, ",")+1)
	if err != nil {
		return gpu.Look{}, err
	}
	devices := make([]gpu.Device, len(w.ids))
	for i, id := range w.ids {
		devices[i].ID = id
	}
	if out, err := ask(ctx, w.Limit, w.SMI, "--query-compute-apps="+smiApps, "--format=csv,noheader,nounits"); err == nil {
		smiProcesses(out, devices)
	}
	var l gpu.Look
	for _, d := range devices {
		u := gpu.Use{ID: d.ID, Processes: d.Processes, Problem: "nvidia-smi does not tell of it"}
		if i := slices.IndexFunc(rows, func(row []string) bool { return row[0] == string(d.ID) }); i >= 0 {
			u.Used, u.Memory, u.Busy, u.Problem = mebibytes(rows[i][1]), mebibytes(rows[i][2]), percent(rows[i][3]), ""
		}
		l.Uses = append(l.Uses, u)
	}
	return l, nil
}

func percent(value string) *float64 {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 {
		return nil
	}
	part := min(n/100, 1)
	return &part
}

// smiRows reads lines of so many fields.
func smiRows(out []byte, fields int) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(string(out)))
	r.TrimLeadingSpace, r.FieldsPerRecord, r.LazyQuotes = true, fields, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read nvidia-smi: %w", err)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
	}
	return rows, nil
}

func known(value string) bool { return value != "" && !strings.HasPrefix(value, "[") && value != "N/A" }

func mebibytes(value string) *int64 {
	mib, err := strconv.ParseInt(value, 10, 64)
	if err != nil || mib < 0 {
		return nil
	}
	bytes := mib << 20
	return &bytes
}
