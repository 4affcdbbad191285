// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"drydock/gpu"
	"drydock/gpu/sysfs"
	"drydock/resources"
)

// State is how a finding is to be taken.
type State string

// States. A Warning is about one way of running tasks, or what may happen
// later; a Problem keeps tasks from a device now.
const (
	OK      State = "ok"
	Warning State = "warning"
	Problem State = "problem"
)

// Finding is one line of what was found out.
type Finding struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Why   string `json:"why"`
	Fix   string `json:"fix,omitempty"`
}

// Machine is what is judged.
type Machine struct {
	Root      string // of the files; "" is /
	Inventory gpu.Inventory
	Engine    *Engine // nil: there is none
	UID       int     // who runs drydock
	Groups    []int
	// Node tells the numbers of a device node below Root; nil: as the kernel
	// does. Only root can make nodes in a test.
	Node func(path string) (major, minor uint32, err error)
}

// Engine is the container engine that runs tasks with an image.
type Engine struct {
	Name     string // "Docker Engine 28.5.2"
	Podman   bool
	Local    bool     // on this machine, so that its files are to be seen
	Runtimes []string // that are registered with it
	CDIDirs  []string // where it looks for descriptions of devices; nil: nowhere
	Systemd  bool     // systemd makes its cgroups
}

// Findings are all of them, the most general first. Of a machine without any
// accelerator there is one.
func (m Machine) Findings() []Finding {
	if m.Root == "" {
		m.Root = "/"
	}
	if m.Node == nil {
		m.Node = nodeNumbers
	}
	var all []Finding
	if m.hasNVIDIA() {
		all = append(all, m.nvidia()...)
	}
	if len(m.Inventory.Of(resources.ClassAMD)) > 0 || m.onBus(amdVendor) {
		all = append(all, m.amd()...)
	}
	for _, p := range m.Inventory.Problems {
		if p.Class != resources.ClassGPU && p.Class != "" {
			all = append(all, Finding{string(p.Class), Problem, p.Text, p.Remedy})
		}
	}
	for _, d := range m.Inventory.Devices {
		all = append(all, device(d))
	}
	if len(all) == 0 {
		return []Finding{{Name: "accelerators", State: OK, Why: "none on this machine"}}
	}
	return all
}

// Vendors on the PCI bus, and the class of a display controller, which all
// GPUs are of, and of NVSwitches (a bridge of no other kind).
const (
	nvidiaVendor = 0x10de
	amdVendor    = 0x1002
	displayClass = 0x03
	otherBridge  = 0x0680
)

// onBus reports whether there is a GPU of the vendor, driver or not. For AMD
// that includes those in processors, which nothing but KFD tells apart; they
// count only where KFD is there.
func (m Machine) onBus(vendor int64) bool {
	return slices.ContainsFunc(sysfs.PCI(m.Root), func(f sysfs.Function) bool {
		return f.Vendor == vendor && f.Class>>16 == displayClass && (vendor != amdVendor || m.there("/dev/kfd"))
	})
}

func (m Machine) hasNVIDIA() bool {
	return len(m.Inventory.Of(resources.ClassGPU)) > 0 || m.Inventory.Platform != "" || m.onBus(nvidiaVendor) || m.there("/proc/driver/nvidia")
}

func (m Machine) path(path string) string { return filepath.Join(m.Root, path) }

func (m Machine) there(path string) bool {
	_, err := os.Lstat(m.path(path))
	return err == nil
}

func (m Machine) word(path string) string {
	text, err := os.ReadFile(m.path(path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func nodeNumbers(path string) (major, minor uint32, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&fs.ModeCharDevice == 0 {
		return 0, 0, fmt.Errorf("%s is no character device", path)
	}
	return unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)), nil
}

// device says what one is taken for, and by what.
func device(d gpu.Device) Finding {
	f := Finding{Name: string(d.ID), State: OK, Why: identity(d)}
	switch {
	case d.Unusable != "":
		f.State, f.Why = Problem, f.Why+": "+d.Unusable
		if strings.Contains(d.Unusable, "PROHIBITED") {
			f.Fix = "sudo nvidia-smi -i " + string(d.ID) + " -c DEFAULT"
		}
	case d.MIG != nil && d.MIG.Pending:
		f.State, f.Why = Problem, f.Why+": "+d.Sick()
		f.Fix = "sudo nvidia-smi --gpu-reset -i " + string(d.ID) + " while nothing uses it, or reboot"
	case strings.HasPrefix(d.Health, "XID"):
		f.State, f.Why = Problem, f.Why+": "+d.Health
		f.Fix = "reset the GPU (sudo nvidia-smi --gpu-reset -i " + string(d.ID) + ") or reboot, then drydock devices --refresh"
	case d.Sick() != "":
		f.State, f.Why = Problem, f.Why+": "+d.Sick()
		f.Fix = "see the kernel's log (sudo dmesg | grep -i -e NVRM -e amdgpu); a reboot resets the card"
	case d.Busy() != "":
		f.State, f.Why = Warning, f.Why+": "+strings.TrimPrefix(d.Busy(), string(d.ID)+" ")
		f.Fix = "tasks wait for its end; accelerators: {busy: fail} in the profile refuses them instead"
	}
	return f
}

// identity is name, PCI id, decision and rule.
func identity(d gpu.Device) string {
	text := d.Name
	if text == "" {
		text = "an unknown product"
	}
	if d.PCIID != 0 {
		text += fmt.Sprintf(" (%04x:%04x)", d.PCIID&0xffff, d.PCIID>>16)
	}
	switch {
	case d.Type != "":
		text += " is of type " + strings.Join(append([]string{d.Type}, d.Also...), " or ")
		if d.Rule != "" {
			text += " by its " + d.Rule
		}
	case d.Rule != "":
		text += " has no type (" + d.Rule + "); it serves a plain count"
	default:
		text += " has no type; it serves a plain count"
	}
	if d.Partitioned() {
		text += fmt.Sprintf(", in MIG mode with %d MIG devices", len(d.MIG.Parts))
	}
	return text
}
