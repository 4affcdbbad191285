// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"fmt"
	"slices"
	"strings"

	"drydock/gpu"
	"drydock/gpu/sysfs"
	"drydock/resources"
)

// nvidia checks from the driver up to the engine.
func (m Machine) nvidia() []Finding {
	all := m.driver()
	switch m.Inventory.Platform {
	case gpu.WSL2, gpu.Tegra: // modules, nodes and toolkit are of another kind there
		return append(all, m.platform())
	}
	if len(m.Inventory.Of(resources.ClassGPU)) == 0 {
		return all // nothing to hand out
	}
	all = append(all, m.modules()...)
	all = append(all, m.fabric()...)
	all = append(all, m.toolkit())
	all = append(all, m.cdi())
	return append(all, m.charLinks())
}

// driver says whether the driver's library answers, and if not why.
func (m Machine) driver() []Finding {
	var all []Finding
	for _, p := range m.Inventory.Problems {
		if p.Class != resources.ClassGPU {
			continue
		}
		f := Finding{"nvidia-driver", Warning, p.Text, p.Remedy}
		if p.Fatal {
			f.State = Problem
		}
		all = append(all, f)
	}
	all = append(all, m.unserved()...)
	d := m.Inventory.Driver
	if d == nil || d.Version == "" {
		return all
	}
	f := Finding{Name: "nvidia-driver", State: OK, Why: "driver " + d.Version}
	if d.CUDA != "" {
		f.Why += ", for CUDA up to " + d.CUDA
	}
	switch loaded := m.word("/sys/module/nvidia/version"); {
	case loaded != "" && loaded != d.Version:
		f.State, f.Fix = Problem, "reboot, or unload and load the nvidia modules"
		f.Why = fmt.Sprintf("the driver's library is %s and the loaded kernel module %s", d.Version, loaded)
	case d.Source != "nvml":
		f.State = Warning
		f.Why += ", told by " + d.Source + ": less is known than its library would say"
	}
	return append([]Finding{f}, all...)
}

// unserved are GPUs on the bus that another driver has, beside others that
// NVIDIA's serves. Without any such, the inventory's own problem says it.
func (m Machine) unserved() []Finding {
	var all []Finding
	for _, f := range sysfs.PCI(m.Root) {
		if len(m.Inventory.Devices) == 0 || f.Vendor != nvidiaVendor || f.Class>>16 != displayClass || f.Driver == "nvidia" || m.Inventory.Platform != "" {
			continue
		}
		by := f.Driver
		if by == "" {
			by = "none"
		}
		all = append(all, Finding{Name: "nvidia-driver", State: Warning,
			Why: fmt.Sprintf("the GPU at %s (%04x:%04x) is not NVIDIA's driver's (driver: %s) and cannot be given to tasks", f.Address, f.Vendor, f.Device, by)})
	}
	return all
}

func (m Machine) platform() Finding {
	if m.Inventory.Platform == gpu.WSL2 {
		return Finding{Name: "platform", State: Warning, Why: "WSL2: one task at a time has all GPUs, through /dev/dxg; the driver is Windows' own"}
	}
	why := "Jetson"
	if model := strings.TrimRight(m.word("/proc/device-tree/model"), "\x00"); model != "" {
		why += " (" + model + ")"
	}
	return Finding{Name: "platform", State: Problem, Why: why + ": its GPU cannot be given to tasks",
		Fix: "run the container by hand: docker run --runtime nvidia …"}
}

// modules looks for what CUDA needs beside the driver itself.
func (m Machine) modules() []Finding {
	f := Finding{Name: "nvidia-uvm", State: OK, Why: "loaded, /dev/nvidia-uvm is there"}
	if !m.there("/sys/module/nvidia_uvm") || !m.there("/dev/nvidia-uvm") {
		f = Finding{"nvidia-uvm", Problem, "nvidia-uvm is not loaded, or /dev/nvidia-uvm does not exist: CUDA would fail with an unknown error (999)",
			"sudo nvidia-modprobe -u -c 0"}
	}
	all := []Finding{f}
	var missing []string
	for _, node := range m.nodes() {
		if !m.there(node) {
			missing = append(missing, node)
		}
	}
	if len(missing) > 0 {
		all = append(all, Finding{"nvidia-nodes", Problem, "device nodes do not exist: " + strings.Join(missing, ", "),
			"sudo nvidia-modprobe -c 0, or run nvidia-smi once as root, which makes them"})
	}
	return all
}

// nodes are all that tasks might be given here, but for uvm's.
func (m Machine) nodes() []string {
	nodes := []string{"/dev/nvidiactl"}
	for _, d := range m.Inventory.Of(resources.ClassGPU) {
		nodes = append(nodes, d.Nodes...)
		if d.MIG != nil {
			for _, p := range d.MIG.Parts {
				nodes = append(nodes, p.Nodes...)
			}
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// managerFiles are there while NVIDIA's fabric manager runs.
var managerFiles = []string{"/run/nvidia-fabricmanager/socket", "/run/nvidia-fabricmanager/nv-fabricmanager.pid"}

// fabric looks after the NVSwitches between GPUs, which a service has to set
// up: before that no CUDA program starts (error 802).
func (m Machine) fabric() []Finding {
	switches := len(slices.DeleteFunc(sysfs.PCI(m.Root), func(f sysfs.Function) bool {
		return f.Vendor != nvidiaVendor || f.Class>>8 != otherBridge
	}))
	var waiting []string
	told := false
	for _, d := range m.Inventory.Of(resources.ClassGPU) {
		told = told || d.Fabric != ""
		if d.Fabric != "" && d.Fabric != "completed" {
			waiting = append(waiting, fmt.Sprintf("%s: %s", d.ID, d.Fabric))
		}
	}
	runs := slices.ContainsFunc(managerFiles, m.there)
	const fix = "install nvidia-fabricmanager of the driver's very version; sudo systemctl enable --now nvidia-fabricmanager"
	switch {
	case len(waiting) > 0:
		return []Finding{{"fabric-manager", Problem, "the NVSwitches are not set up (" + strings.Join(waiting, "; ") + "): CUDA would fail with error 802", fix}}
	case switches > 0 && !told && !runs:
		return []Finding{{"fabric-manager", Problem, fmt.Sprintf("this machine has %d NVSwitches and nvidia-fabricmanager does not seem to run: CUDA would fail with error 802", switches), fix}}
	case told || switches > 0:
		return []Finding{{Name: "fabric-manager", State: OK, Why: "the NVSwitches are set up"}}
	}
	return nil
}
