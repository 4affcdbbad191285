// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/gpu"
	"drydock/internal/need"
	"drydock/resources"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

// tree makes a directory of files; a text that begins with "-> " is a link's.
func tree(t *testing.T, files ...map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, some := range files {
		for path, text := range some {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			var err error
			if to, ok := strings.CutPrefix(text, "-> "); ok {
				err = os.Symlink(to, path)
			} else {
				err = os.WriteFile(path, []byte(text+"\n"), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o666); err != nil && !errors.Is(err, os.ErrNotExist) { // the umask
				t.Fatal(err)
			}
		}
	}
	return root
}

// kfd is one node of AMD's driver, and the render node that goes with it.
func kfd(node int, id int64, minor, unique, location int, drm map[string]string) map[string]string {
	at := fmt.Sprintf("sys/class/kfd/kfd/topology/nodes/%d/", node)
	files := map[string]string{
		at + "gpu_id": fmt.Sprint(1000 + node),
		at + "properties": fmt.Sprintf("cpu_cores_count 0\nsimd_count 1216\nvendor_id 4098\ndevice_id %d\nlocation_id %d\ndomain 0\ndrm_render_minor %d\nunique_id %d",
			id, location, minor, unique),
		"dev/kfd": "", fmt.Sprintf("dev/dri/renderD%d", minor): "",
	}
	for name, text := range drm {
		files[fmt.Sprintf("sys/class/drm/renderD%d/device/%s", minor, name)] = text
	}
	return files
}

var amdCPU = map[string]string{
	"sys/class/kfd/kfd/topology/nodes/0/gpu_id":     "0",
	"sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 96\nsimd_count 0\nvendor_id 0\ndrm_render_minor 0",
}

// Case 48: an MI300X that is whole, with its own render node and no other.
func TestAMD(t *testing.T) {
	root := tree(t, amdCPU,
		kfd(1, 29857, 128, 4660, 0x0500, map[string]string{"product_name": "AMD Instinct MI300X", "current_compute_partition": "SPX",
			"current_memory_partition": "NPS1", "mem_info_vram_total": "206141652992", "mem_info_vram_used": "297058304"}),
		kfd(2, 29857, 129, 4661, 0x1500, nil),
		map[string]string{"sys/class/kfd/kfd/proc/77/vram_1002": "1073741824", "sys/class/kfd/kfd/proc/78/vram_1002": "0"})
	inv := AMD(root)
	if len(inv.Devices) != 2 {
		t.Fatalf("it finds %+v", inv.Devices)
	}
	d := inv.Devices[0]
	if d.ID != "amd-0000000000001234-128" || d.Type != "MI300X" || d.Partition != "SPX/NPS1" || d.PCI != "0000:05:00.0" ||
		*d.Memory != 206141652992 || d.Unusable != "" || d.Busy() != "" || !slices.Equal(d.Nodes, []string{"/dev/kfd", "/dev/dri/renderD128"}) {
		t.Errorf("the first is %+v", d)
	}
	if busy := inv.Devices[1].Busy(); !strings.Contains(busy, "pid 77") || strings.Contains(busy, "pid 78") {
		t.Errorf("the second is in use by %q", busy)
	}
}

// Nodes for a group alone come with its id; /tmp belongs to no such group, so
// the file is given one where that is allowed.
func TestGroups(t *testing.T) {
	root := tree(t, kfd(1, 29857, 128, 1, 0x0500, nil))
	path := filepath.Join(root, "dev/dri/renderD128")
	if err := os.Chown(path, -1, 109); err != nil {
		need.Skip(t, "root", "only root gives a file to another group")
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	if d := AMD(root).Devices[0]; !slices.Equal(d.Groups, []int{109}) {
		t.Errorf("groups %v", d.Groups)
	}
}

// Case 49: an id that two products have.
func TestAMDEither(t *testing.T) {
	for product, want := range map[string]string{"AMD Instinct MI250X": "MI250X", "AMD Instinct MI250": "MI250", "": "MI250 or MI250X"} {
		root := tree(t, kfd(1, 29708, 128, 1, 0x0500, map[string]string{"product_name": product}))
		d := AMD(root).Devices[0]
		if got := strings.Join(append([]string{d.Type}, d.Also...), " or "); got != want {
			t.Errorf("%q is %s, want %s", product, got, want)
		}
	}
}

// Case 50: eight partitions of one card, and what a request for it gets.
func TestAMDPartitions(t *testing.T) {
	var parts []map[string]string
	for i := range 8 {
		parts = append(parts, kfd(1+i, 29857, 128+i, 4660, 0x0500+i, map[string]string{"current_compute_partition": "CPX", "current_memory_partition": "NPS4"}))
	}
	inv := AMD(tree(t, parts...))
	ids := map[gpu.ID]bool{}
	for _, d := range inv.Devices {
		ids[d.ID] = true
	}
	if len(ids) != 8 {
		t.Errorf("%d ids of 8 partitions: %v", len(ids), slices.Collect(maps.Keys(ids)))
	}
	_, err := gpu.Find(inv, resources.Device{Quantity: 1, Class: resources.ClassAMD, Device: "MI300X"}, resources.AcceleratorProfile{})
	if err == nil || err.Error() != "accelerator: MI300X is partitioned (CPX/NPS4); set amd_partitions=allow" {
		t.Error(err)
	}
}

// What is no accelerator for tasks: a card without a node here, an integrated
// GPU, a node that a device cgroup hides.
func TestAMDOthers(t *testing.T) {
	files := kfd(1, 29857, 128, 1, 0x0500, nil)
	delete(files, "dev/dri/renderD128")
	if d := AMD(tree(t, files)).Devices[0]; d.Unusable != "/dev/dri/renderD128 is not there" {
		t.Errorf("without its node it is %+v", d)
	}
	if d := AMD(tree(t, kfd(1, 0x1638, 128, 0, 0x0500, nil))).Devices[0]; d.Type != "" {
		t.Errorf("an APU is %+v", d)
	}
	files = kfd(1, 29857, 128, 1, 0x0500, nil)
	files["sys/class/kfd/kfd/topology/nodes/1/properties"] = ""
	if inv := AMD(tree(t, files)); len(inv.Devices) != 0 {
		t.Errorf("a hidden one is %+v", inv.Devices)
	}
}

// Case 51: /dev/accel has others, too.
func TestGaudi(t *testing.T) {
	npu := map[string]string{
		"sys/class/accel/accel0/device/vendor": "0x8086", "sys/class/accel/accel0/device/driver": "-> ../../../bus/pci/drivers/intel_vpu",
		"dev/accel/accel0": "",
	}
	gaudi := map[string]string{
		"sys/class/accel/accel1/device/vendor": "0x1da3", "sys/class/accel/accel1/device/device_type": "GAUDI",
		"sys/class/accel/accel1/device/pci_addr": "0000:33:00.0", "sys/class/accel/accel1/device/status": "Operational",
		"sys/class/accel/accel_controlD1/device/vendor": "0x1da3",
		"dev/accel/accel1": "", "dev/accel/accel_controlD1": "",
	}
	if inv := Gaudi(tree(t, npu)); len(inv.Devices) != 0 {
		t.Errorf("a laptop's NPU is %+v", inv.Devices)
	}
	inv := Gaudi(tree(t, npu, gaudi))
	if len(inv.Devices) != 1 || inv.Devices[0].Type != "Gaudi1" || inv.Devices[0].ID != "gaudi-0000:33:00.0" || inv.Devices[0].Unusable != "" ||
		!slices.Equal(inv.Devices[0].Nodes, []string{"/dev/accel/accel1", "/dev/accel/accel_controlD1"}) {
		t.Errorf("it finds %+v", inv.Devices)
	}
	gaudi["sys/class/accel/accel1/device/status"] = "Malfunction"
	gaudi["sys/class/accel/accel1/device/device_type"] = "GAUDI2"
	if d := Gaudi(tree(t, gaudi)).Devices[0]; d.Health != "status Malfunction" || d.Type != "" {
		t.Errorf("a sick Gaudi2 is %+v", d)
	}
	old := map[string]string{"sys/class/habanalabs/hl0/device/vendor": "0x1da3", "sys/class/habanalabs/hl0/device/device_type": "GAUDI SEC",
		"dev/hl0": "", "dev/hl_controlD0": ""}
	if d := Gaudi(tree(t, old)).Devices; len(d) != 1 || d[0].Type != "Gaudi1" || d[0].Nodes[0] != "/dev/hl0" {
		t.Errorf("the older driver's is %+v", d)
	}
}

func trainium(n int, instance, product string) map[string]string {
	files := map[string]string{"sys/class/dmi/id/product_name": product}
	for i := range n {
		at := fmt.Sprintf("sys/devices/virtual/neuron_device/neuron%d/info/architecture/", i)
		files[at+"instance_type"], files[at+"device_name"], files[at+"arch_type"] = instance, "Trainium1", "NCv2"
		files[fmt.Sprintf("dev/neuron%d", i)] = ""
	}
	return files
}

// Cases 52 and 53: the driver calls both Trn1; sixteen are in numerical order.
func TestNeuron(t *testing.T) {
	for product, want := range map[string]string{"trn1.32xlarge": "Trn1", "trn1n.32xlarge": "Trn1n"} {
		inv := Neuron(tree(t, trainium(16, "Trn1", product)))
		if len(inv.Devices) != 16 || inv.Devices[10].ID != "neuron-10" || inv.Devices[10].Index != 10 || inv.Devices[10].Type != want {
			t.Errorf("%s has %d devices, the eleventh %+v", product, len(inv.Devices), inv.Devices[10])
		}
		m, err := gpu.Find(inv, resources.Device{Quantity: 4, Device: want}, resources.AcceleratorProfile{})
		if err != nil {
			t.Fatal(err)
		}
		taken := []gpu.ID{"neuron-0", "neuron-1", "neuron-4"}
		picked, _ := m.Pick(func(id gpu.ID) bool { return slices.Contains(taken, id) })
		if len(picked) != 4 || picked[0].ID != "neuron-8" || picked[3].ID != "neuron-11" {
			t.Errorf("picked %+v", picked)
		}
	}
	if d := Neuron(tree(t, trainium(1, "Inf3", ""))).Devices[0]; d.Type != "" {
		t.Errorf("an unknown one is %+v", d)
	}
}

// Case 54, and what shares Google's vendor id or /dev/vfio.
func TestTPU(t *testing.T) {
	files := map[string]string{"dev/vfio/vfio": "", "dev/vfio/99": "",
		"sys/bus/pci/devices/0000:00:03.0/vendor": "0x1ae0", "sys/bus/pci/devices/0000:00:03.0/device": "0x0042"} // gVNIC
	for i := range 8 {
		at := fmt.Sprintf("sys/bus/pci/devices/0000:00:%02x.0/", 4+i)
		files[at+"vendor"], files[at+"device"] = "0x1ae0", "0x006f"
		files[at+"iommu_group"] = fmt.Sprintf("-> ../../../kernel/iommu_groups/%d", 20+i)
		files[fmt.Sprintf("dev/vfio/%d", 20+i)] = ""
	}
	inv := TPU(tree(t, files))
	if len(inv.Devices) != 8 || inv.Devices[7].Type != "V6E" || inv.Devices[7].Nodes[0] != "/dev/vfio/27" || inv.Devices[7].Unusable != "" {
		t.Fatalf("it finds %+v", inv.Devices)
	}
	m, err := gpu.Find(inv, resources.Device{Quantity: 1, Device: "V6E", Partition: "2x4"}, resources.AcceleratorProfile{})
	if err != nil || m.Count != 8 {
		t.Errorf("2x4 is %d chips, %v", m.Count, err)
	}
	delete(files, "sys/bus/pci/devices/0000:00:04.0/iommu_group")
	if d := TPU(tree(t, files)).Devices[0]; !strings.Contains(d.Unusable, "IOMMU") {
		t.Errorf("without a group it is %+v", d)
	}
}

// A machine with nothing, and one whose files say nothing.
func TestNothing(t *testing.T) {
	empty := t.TempDir()
	garbage := tree(t, map[string]string{"sys/class/kfd/kfd/topology/nodes/x/properties": "\x00\xff", "sys/class/kfd/kfd/topology/nodes/1/properties": "vendor_id\nsimd_count -1",
		"sys/class/accel/accelX/device/vendor": "0x1da3", "sys/bus/pci/devices/0000:00:04.0/vendor": "google", "sys/devices/virtual/neuron_device/neuron/info": ""})
	for name, read := range map[string]func(string) gpu.Inventory{"AMD": AMD, "Gaudi": Gaudi, "Neuron": Neuron, "TPU": TPU} {
		for _, root := range []string{empty, garbage} {
			if inv := read(root); len(inv.Devices) != 0 || len(inv.Problems) != 0 {
				t.Errorf("%s finds %+v in %s", name, inv, root)
			}
		}
	}
}

// What AMD's devices are used for, and by whom; of one that is gone only that.
func TestAMDUses(t *testing.T) {
	files := kfd(1, 29857, 128, 4660, 0x0500, map[string]string{"mem_info_vram_total": "206141652992", "mem_info_vram_used": "1073741824", "gpu_busy_percent": "37"})
	files["sys/class/kfd/kfd/proc/4242/vram_1001"] = "536870912"
	root := tree(t, files)
	id := AMD(root).Devices[0].ID
	got := AMDUses(root, []gpu.ID{id, "amd-gone-129"})
	if u := got[0]; u.ID != id || *u.Used != 1<<30 || *u.Memory != 206141652992 || *u.Busy != 0.37 || u.Problem != "" || len(u.Processes) != 1 || *u.Processes[0].Memory != 512<<20 {
		t.Errorf("it is used for %+v", u)
	}
	if u := got[1]; u.Problem == "" || u.Used != nil {
		t.Errorf("the one that is gone is used for %+v", u)
	}
	files["sys/class/drm/renderD128/device/gpu_busy_percent"] = "4294967295" // what a GPU says that sleeps
	if u := AMDUses(tree(t, files), []gpu.ID{id})[0]; u.Busy != nil {
		t.Errorf("asleep it is busy %v", *u.Busy)
	}
}
