// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/gpu"
	"drydock/resources"
)

// machine is a tree of files; a text that begins with "->" is a link.
type machine map[string]string

// h100 is what a machine with one H100 has when all is well.
func h100() machine {
	return machine{
		"sys/bus/pci/devices/0000:06:00.0/vendor": "0x10de", "sys/bus/pci/devices/0000:06:00.0/device": "0x2330",
		"sys/bus/pci/devices/0000:06:00.0/class": "0x030200", "sys/bus/pci/devices/0000:06:00.0/driver": "->../../../bus/pci/drivers/nvidia",
		"proc/driver/nvidia/version": "NVRM version: …", "sys/module/nvidia/version": "580.159.04", "sys/module/nvidia_uvm/refcnt": "0",
		"dev/nvidiactl": "", "dev/nvidia0": "", "dev/nvidia-uvm": "", "usr/bin/nvidia-ctk": "",
		"dev/char/195:255": "->../nvidiactl", "dev/char/195:0": "->../nvidia0", "dev/char/510:0": "->../nvidia-uvm",
		"usr/lib/libcuda.so.580.159.04": "",
		"var/run/cdi/nvidia.yaml":       spec("580.159.04", "GPU-0"),
	}
}

// spec is what nvidia-ctk writes, in short.
func spec(driver, id string) string {
	return fmt.Sprintf("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: %q\n  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia0\n"+
		"containerEdits:\n  deviceNodes:\n  - path: /dev/nvidiactl\n  mounts:\n  - hostPath: /usr/lib/libcuda.so.%s\n    containerPath: /usr/lib/libcuda.so.%s\n", id, driver, driver)
}

func (m machine) with(path, text string) machine { m[path] = text; return m }

func (m machine) without(paths ...string) machine {
	for _, path := range paths {
		delete(m, path)
	}
	return m
}

func (m machine) root(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range m {
		path = filepath.Join(root, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if to, link := strings.CutPrefix(text, "->"); err == nil && link {
			err = os.Symlink(to, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func inventory(edit func(*gpu.Device)) gpu.Inventory {
	d := gpu.Device{ID: "GPU-0", Class: resources.ClassGPU, Name: "NVIDIA H100 80GB HBM3", Type: "H100", Rule: "name", PCI: "0000:06:00.0", PCIID: 0x233010de, Nodes: []string{"/dev/nvidia0"}}
	if edit != nil {
		edit(&d)
	}
	return gpu.Inventory{Driver: &gpu.Driver{Version: "580.159.04", CUDA: "13.0", Source: "nvml"}, Devices: []gpu.Device{d}}
}

func docker(edit func(*Engine)) *Engine {
	e := &Engine{Name: "Docker Engine 28.5.2", Local: true, Runtimes: []string{"nvidia", "runc"}, CDIDirs: []string{"/etc/cdi", "/var/run/cdi"}, Systemd: true}
	if edit != nil {
		edit(e)
	}
	return e
}

// numbers are those of the nodes above; only root could make them.
func numbers(path string) (major, minor uint32, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, 0, err
	}
	switch filepath.Base(path) {
	case "nvidiactl":
		return 195, 255, nil
	case "nvidia0":
		return 195, 0, nil
	case "nvidia-uvm":
		return 510, 0, nil
	}
	return 0, 0, fs.ErrInvalid
}

// A machine on which all is well says so, in each of the lines that another
// test finds something wrong in.
func TestWell(t *testing.T) {
	got := Machine{Root: h100().root(t), Inventory: inventory(nil), Engine: docker(nil), Node: numbers}.Findings()
	want := map[string]string{
		"nvidia-driver":  "driver 580.159.04, for CUDA up to 13.0",
		"nvidia-uvm":     "loaded, /dev/nvidia-uvm is there",
		"nvidia-toolkit": "registered with Docker Engine 28.5.2",
		"nvidia-cdi":     "/var/run/cdi/nvidia.yaml describes all devices",
		"dev-char":       "all device nodes have their links in /dev/char",
		"GPU-0":          "NVIDIA H100 80GB HBM3 (10de:2330) is of type H100 by its name",
	}
	if len(got) != len(want) {
		t.Errorf("it finds %+v", got)
	}
	for _, f := range got {
		if f.State != OK || f.Fix != "" || f.Why != want[f.Name] {
			t.Errorf("%+v, want %q", f, want[f.Name])
		}
	}
}

// What can be wrong, and what to do about it.
func TestFindings(t *testing.T) {
	problem := func(text string, fatal bool) gpu.Inventory {
		return gpu.Inventory{Problems: []gpu.Problem{{Class: resources.ClassGPU, Text: text, Fatal: fatal, Remedy: "mend it"}}}
	}
	switches := h100().with("sys/bus/pci/devices/0000:0a:00.0/vendor", "0x10de").with("sys/bus/pci/devices/0000:0a:00.0/class", "0x068000")
	managed := h100().with("run/nvidia-fabricmanager/socket", "").with("sys/bus/pci/devices/0000:0a:00.0/vendor", "0x10de").with("sys/bus/pci/devices/0000:0a:00.0/class", "0x068000")
	for _, c := range []struct {
		name    string
		files   machine
		inv     gpu.Inventory
		engine  *Engine
		finding string
		state   State
		why     string
		fix     string
	}{
		{"no library", h100(), problem("no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)", true), nil,
			"nvidia-driver", Problem, "libnvidia-ml.so.1 not found", "mend it"},
		{"less is known", h100(), problem("the NVIDIA library could not be asked", false), nil, "nvidia-driver", Warning, "could not be asked", "mend it"},
		{"another module", h100().with("sys/module/nvidia/version", "580.82.07"), inventory(nil), nil, "nvidia-driver", Problem, "library is 580.159.04 and the loaded kernel module 580.82.07", "reboot"},
		{"a second card of another driver", h100().with("sys/bus/pci/devices/0000:07:00.0/vendor", "0x10de").with("sys/bus/pci/devices/0000:07:00.0/device", "0x2684").
			with("sys/bus/pci/devices/0000:07:00.0/class", "0x030000").with("sys/bus/pci/devices/0000:07:00.0/driver", "->../../../bus/pci/drivers/vfio-pci"),
			inventory(nil), nil, "nvidia-driver", Warning, "the GPU at 0000:07:00.0 (10de:2684) is not NVIDIA's driver's (driver: vfio-pci)", ""},
		{"no uvm", h100().without("sys/module/nvidia_uvm/refcnt"), inventory(nil), nil, "nvidia-uvm", Problem, "unknown error (999)", "nvidia-modprobe -u"},
		{"no node", h100().without("dev/nvidia0"), inventory(nil), nil, "nvidia-nodes", Problem, "do not exist: /dev/nvidia0", "nvidia-modprobe"},
		{"switches without a manager", switches, inventory(nil), nil, "fabric-manager", Problem, "has 1 NVSwitches", "enable --now nvidia-fabricmanager"},
		{"switches with one", managed, inventory(nil), nil, "fabric-manager", OK, "set up", ""},
		{"a fabric that is not ready", h100(), inventory(func(d *gpu.Device) { d.Fabric = "not started" }), nil, "fabric-manager", Problem, "GPU-0: not started", "nvidia-fabricmanager"},
		{"no toolkit", h100().without("usr/bin/nvidia-ctk"), inventory(nil), docker(func(e *Engine) { e.Runtimes = []string{"runc"} }), "nvidia-toolkit", Warning,
			"those without can", "install nvidia-container-toolkit"},
		{"not registered", h100(), inventory(nil), docker(func(e *Engine) { e.Runtimes, e.CDIDirs = []string{"runc"}, nil }), "nvidia-toolkit", Warning, "not registered", "runtime configure"},
		{"by CDI", h100(), inventory(nil), docker(func(e *Engine) { e.Runtimes = []string{"runc"} }), "nvidia-toolkit", OK, "takes descriptions", ""},
		{"another machine's engine", h100(), inventory(nil), docker(func(e *Engine) { e.Runtimes, e.Local = nil, false }), "nvidia-toolkit", Warning, "runs elsewhere", "engine's machine"},
		{"no engine", h100(), inventory(nil), nil, "nvidia-toolkit", OK, "no container engine", ""},
		{"no description", h100().without("var/run/cdi/nvidia.yaml"), inventory(nil), docker(func(e *Engine) { e.Podman = true }), "nvidia-cdi", Warning, "no description", "nvidia-ctk cdi generate"},
		{"none needed", h100().without("var/run/cdi/nvidia.yaml"), inventory(nil), docker(nil), "nvidia-cdi", OK, "no description", ""},
		{"an older driver's", h100().with("var/run/cdi/nvidia.yaml", spec("570.1.2", "GPU-0")), inventory(nil), docker(nil), "nvidia-cdi", Warning,
			"it is of driver 570.1.2 and the driver is 580.159.04; it names files that are not there: /usr/lib/libcuda.so.570.1.2", "nvidia-ctk cdi generate"},
		{"another card's", h100().with("var/run/cdi/nvidia.yaml", spec("580.159.04", "GPU-9")), inventory(nil), docker(nil), "nvidia-cdi", Warning, "it lacks GPU-0", "nvidia-ctk cdi generate"},
		{"another partition's", h100(), inventory(func(d *gpu.Device) {
			d.MIG = &gpu.MIG{Enabled: true, Parts: []gpu.Part{{ID: "MIG-a", Profile: "1g.10gb", Nodes: []string{"/dev/nvidia0"}}}}
		}),
			docker(nil), "nvidia-cdi", Warning, "it lacks MIG-a", "nvidia-ctk cdi generate"},
		{"a broken description", h100().with("var/run/cdi/nvidia.yaml", "kind: ["), inventory(nil), docker(nil), "nvidia-cdi", Warning, "cannot read /var/run/cdi/nvidia.yaml", "nvidia-ctk cdi generate"},
		{"links are missing", h100().without("dev/char/195:0"), inventory(nil), docker(nil), "dev-char", Warning, "/dev/char/195:0 (/dev/nvidia0)", "create-dev-char-symlinks"},
		{"no systemd", h100().without("dev/char/195:0"), inventory(nil), docker(func(e *Engine) { e.Systemd = false }), "dev-char", OK, "not needed", ""},
		{"MIG pending", h100(), inventory(func(d *gpu.Device) { d.MIG = &gpu.MIG{Pending: true} }), nil, "GPU-0", Problem, "MIG change pending", "--gpu-reset -i GPU-0"},
		{"case 46", h100(), inventory(func(d *gpu.Device) { d.Unusable = "compute mode PROHIBITED" }), nil, "GPU-0", Problem, "compute mode PROHIBITED", "-c DEFAULT"},
		{"an XID", h100(), inventory(func(d *gpu.Device) { d.Health = "XID 79, it fell off the bus" }), nil, "GPU-0", Problem, "XID 79", "drydock devices --refresh"},
		{"a card without a type", h100(), inventory(func(d *gpu.Device) { d.Name, d.Type, d.Rule, d.PCIID = "NVIDIA GeForce RTX 4090", "", "", 0x268410de }), nil,
			"GPU-0", OK, "NVIDIA GeForce RTX 4090 (10de:2684) has no type; it serves a plain count", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := Machine{Root: c.files.root(t), Inventory: c.inv, Engine: c.engine, Node: numbers}.Findings()
			for _, f := range all {
				if f.Name == c.finding && strings.Contains(f.Why, c.why) {
					if f.State != c.state || !strings.Contains(f.Fix, c.fix) || (c.fix == "") != (f.Fix == "") {
						t.Errorf("it finds %+v, want %s, fix %q", f, c.state, c.fix)
					}
					return
				}
			}
			t.Errorf("it finds %+v; want %s: %s", all, c.finding, c.why)
		})
	}
}

// Machines of another kind are named, and their drivers not asked for what
// they do not have.
func TestPlatforms(t *testing.T) {
	for platform, want := range map[gpu.Platform]string{gpu.WSL2: "WSL2: one task at a time has all GPUs", gpu.Tegra: "Jetson (NVIDIA Jetson Orin Nano): its GPU cannot"} {
		inv := inventory(func(d *gpu.Device) { d.Nodes = nil })
		inv.Platform = platform
		all := Machine{Root: machine{"proc/device-tree/model": "NVIDIA Jetson Orin Nano\x00"}.root(t), Inventory: inv, Engine: docker(nil), Node: numbers}.Findings()
		found := false
		for _, f := range all {
			found = found || f.Name == "platform" && strings.HasPrefix(f.Why, want)
			if f.Name == "nvidia-uvm" || f.Name == "nvidia-cdi" {
				t.Errorf("%s: it looks for %s", platform, f.Name)
			}
		}
		if !found {
			t.Errorf("%s: it finds %+v", platform, all)
		}
	}
}

// AMD's nodes belong to a group, which root does not need.
func TestAMD(t *testing.T) {
	inv := gpu.Inventory{Devices: []gpu.Device{{ID: "amd-1-128", Class: resources.ClassAMD, Name: "AMD MI300X", Type: "MI300X", Rule: "PCI id", Groups: []int{109}}}}
	for _, c := range []struct {
		files  machine
		inv    gpu.Inventory
		uid    int
		groups []int
		name   string
		state  State
	}{
		{machine{"dev/kfd": ""}, inv, 1000, []int{1000}, "render-group", Problem},
		{machine{"dev/kfd": ""}, inv, 1000, []int{1000, 109}, "render-group", OK},
		{machine{"dev/kfd": ""}, inv, 0, nil, "render-group", OK},
		{machine{}, inv, 0, nil, "amd-driver", Problem},
		{machine{"dev/kfd": "", "sys/bus/pci/devices/0000:01:00.0/vendor": "0x1002", "sys/bus/pci/devices/0000:01:00.0/class": "0x030000"}, gpu.Inventory{}, 0, nil, "amd-devices", Warning},
	} {
		found := false
		for _, f := range (Machine{Root: c.files.root(t), Inventory: c.inv, UID: c.uid, Groups: c.groups}).Findings() {
			found = found || f.Name == c.name && f.State == c.state
		}
		if !found {
			t.Errorf("%v as uid %d of %v: no %s %s", c.files, c.uid, c.groups, c.name, c.state)
		}
	}
}

func TestNothing(t *testing.T) {
	inv := gpu.Inventory{Problems: []gpu.Problem{{Class: resources.ClassGPU, Text: "no library", Fatal: true}}}
	if got := (Machine{Root: t.TempDir(), Inventory: inv}).Findings(); len(got) != 1 || got[0] != (Finding{Name: "accelerators", State: OK, Why: "none on this machine"}) {
		t.Errorf("it finds %+v", got)
	}
}
