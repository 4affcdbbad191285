// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/resources"
)

func put(t *testing.T, root, path string, data []byte) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func real(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/h100", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// script is a program that prints a text.
func script(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "program", []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"))
	return filepath.Join(dir, "program")
}

const noSMI = "/nonexistent/nvidia-smi"

// A real machine's files, without its library and without nvidia-smi.
func TestProcfs(t *testing.T) {
	root := t.TempDir()
	put(t, root, "proc/driver/nvidia/gpus/0000:00:06.0/information", real(t, "information"))
	put(t, root, "proc/driver/nvidia/version", real(t, "version"))
	inv := Machine(t.Context(), Options{Root: root, Reader: []string{script(t, "exit 127")}, SMI: noSMI, Limit: time.Minute})
	if len(inv.Devices) != 1 {
		t.Fatalf("it finds %+v", inv)
	}
	d := inv.Devices[0]
	if d.ID != "GPU-00000000-1111-2222-3333-444444444444" || d.Type != "H100" || d.PCI != "0000:00:06.0" || d.Nodes[0] != "/dev/nvidia0" || d.Memory != nil {
		t.Errorf("it is %+v", d)
	}
	if inv.Driver.Version != "580.159.04" || inv.Driver.Source != "procfs" {
		t.Errorf("the driver is %+v", inv.Driver)
	}
	if len(inv.Problems) != 1 || inv.Problems[0].Text != "the NVIDIA library could not be asked: exit status 127" {
		t.Errorf("problems %+v", inv.Problems)
	}
	put(t, root, "proc/driver/nvidia/capabilities/gpu0/mig/gi1/access", nil)
	if d := procfs(root).Devices[0]; d.Unusable == "" {
		t.Errorf("in MIG mode it is %+v", d)
	}
}

// What the real nvidia-smi prints, and what others have printed.
func TestSMI(t *testing.T) {
	inv, err := smiDevices(real(t, "smi.csv"))
	if err != nil {
		t.Fatal(err)
	}
	d := inv.Devices[0]
	if d.Type != "H100" || *d.Memory != 81559<<20 || *d.Used != 0 || d.PCI != "0000:00:06.0" || d.MIG == nil || d.MIG.Enabled || d.MIG.Pending || d.Display {
		t.Errorf("it is %+v", d)
	}
	inv, err = smiDevices([]byte("0, GPU-a, NVIDIA GB10, 0000000F:01:00.0, [N/A], [N/A], [N/A], [N/A], Default, Enabled, 580.95\n" +
		"1, GPU-b, NVIDIA GeForce RTX 4090, 00000000:65:00.0, 24564, 900, [Not Supported], [Not Supported], Exclusive_Process, Enabled, 580.95\n" +
		"2, GPU-c, NVIDIA H100 80GB HBM3, 00000000:66:00.0, 81559, 0, Enabled, Disabled, Prohibited, Disabled, 580.95\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := inv.Devices[0]; d.Memory != nil || d.Used != nil || d.MIG != nil || d.PCI != "000f:01:00.0" || d.Type != "GB10" {
		t.Errorf("the GB10 is %+v", d)
	}
	if d := inv.Devices[1]; !d.Exclusive || !d.Display || d.MIG != nil {
		t.Errorf("the 4090 is %+v", d)
	}
	if d := inv.Devices[2]; !d.MIG.Enabled || !d.MIG.Pending || d.Unusable == "" {
		t.Errorf("the H100 is %+v", d)
	}
	smiProcesses([]byte("GPU-b, 4242, 512\nGPU-b, 4243, [N/A]\nGPU-x, 1, 1\n"), inv.Devices)
	if p := inv.Devices[1].Processes; len(p) != 2 || *p[0].Memory != 512<<20 || p[1].Memory != nil {
		t.Errorf("processes %+v", p)
	}
	smiParts("GPU 1: NVIDIA GeForce RTX 4090 (UUID: GPU-b)\nGPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-c)\n"+
		"  MIG 1g.10gb     Device  0: (UUID: MIG-1)\n  MIG 3g.39gb     Device  1: (UUID: MIG-2)\n", inv.Devices)
	if p := inv.Devices[2].MIG.Parts; len(p) != 2 || p[0].ID != "MIG-1" || p[1].Profile != "3g.40gb" {
		t.Errorf("MIG devices %+v", p)
	}
	for _, garbage := range []string{"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "x, y\n", "zero,b,c,d,e,f,g,h,i,j,k\n"} {
		if inv, err := smiDevices([]byte(garbage)); err == nil {
			t.Errorf("%q is read as %+v", garbage, inv.Devices)
		}
	}
}

// Case 63: a reader that ends before it says anything is no end of it:
// nvidia-smi is asked, and one warning tells.
func TestReaderEnds(t *testing.T) {
	smi := script(t, `case "$1" in --query-gpu=*) cat <<END`, strings.TrimSpace(string(real(t, "smi.csv"))), "END", ";; esac")
	for line, want := range map[string]string{
		"echo nvmlInit is missing >&2; exit 127": "exit status 127: nvmlInit is missing",
		"kill -KILL $$":                          "signal: killed",
	} {
		inv := Machine(t.Context(), Options{Root: t.TempDir(), Reader: []string{script(t, line)}, SMI: smi, Limit: time.Minute})
		if len(inv.Devices) != 1 || inv.Devices[0].Type != "H100" || inv.Driver.Source != "nvidia-smi" {
			t.Errorf("%s: it finds %+v", line, inv)
		}
		if len(inv.Problems) != 1 || inv.Problems[0].Fatal || inv.Problems[0].Text != "the NVIDIA library could not be asked: "+want {
			t.Errorf("%s: problems %+v", line, inv.Problems)
		}
	}
}

// Cards that another driver has, or none; of one that NVIDIA's has the library
// is to tell.
func TestUnbound(t *testing.T) {
	for _, c := range []struct {
		cards        int
		driver       string
		want, remedy string
	}{
		{1, "nouveau", "1 NVIDIA GPU on the PCI bus (10de:2684) but no NVIDIA driver is bound to it (driver: nouveau)", "install NVIDIA's driver"},
		{2, "", "2 NVIDIA GPUs on the PCI bus (10de:2684, 10de:2684) but no NVIDIA driver is bound to them (driver: none)", "install NVIDIA's driver"},
		{1, "vfio-pci", "1 NVIDIA GPU on the PCI bus (10de:2684) but no NVIDIA driver is bound to it (driver: vfio-pci)", "give it back to the host"},
		{1, "nvidia", "the NVIDIA library could not be asked: exit status 1", "nvidia-smi should work"},
	} {
		root := t.TempDir()
		for i := range c.cards {
			at := fmt.Sprintf("sys/bus/pci/devices/0000:%02x:00.0/", 1+i)
			put(t, root, at+"vendor", []byte("0x10de\n"))
			put(t, root, at+"device", []byte("0x2684\n"))
			put(t, root, at+"class", []byte("0x030000\n"))
			if c.driver == "" {
				continue
			}
			if err := os.Symlink("../../../bus/pci/drivers/"+c.driver, filepath.Join(root, at, "driver")); err != nil {
				t.Fatal(err)
			}
		}
		put(t, root, "sys/bus/pci/devices/0000:01:00.1/vendor", []byte("0x10de\n")) // its sound
		put(t, root, "sys/bus/pci/devices/0000:01:00.1/class", []byte("0x040300\n"))
		inv := Machine(t.Context(), Options{Root: root, Reader: []string{script(t, "exit 1")}, SMI: noSMI, Limit: time.Minute})
		if len(inv.Problems) != 1 || inv.Problems[0].Text != c.want || !strings.Contains(inv.Problems[0].Remedy, c.remedy) {
			t.Errorf("%s: problems %+v", c.driver, inv.Problems)
		}
		_, err := gpu.Find(inv, resources.Device{Quantity: 1}, resources.AcceleratorProfile{})
		if err == nil || err.Error() != "accelerator: "+c.want {
			t.Errorf("%s: gpu=1 is refused with %v", c.driver, err)
		}
	}
}

// What cannot be read is a problem, and no device.
func TestGarbage(t *testing.T) {
	for _, c := range []struct {
		line, want string
		limit      time.Duration
	}{
		{"echo nonsense", "it answers what cannot be read", time.Minute},
		{"echo NVML is cross >&2; exit 3", "exit status 3: NVML is cross", time.Minute},
		{"kill -SEGV $$", "signal: segmentation fault", time.Minute},
		{"yes", "did not answer within 200ms", 200 * time.Millisecond},
	} {
		inv := Machine(t.Context(), Options{Root: t.TempDir(), Reader: []string{script(t, c.line)}, SMI: noSMI, Limit: c.limit})
		if last := inv.Problems[len(inv.Problems)-1]; len(inv.Devices) != 0 || !strings.Contains(last.Text, c.want) {
			t.Errorf("%s: %+v", c.line, inv)
		}
	}
}

// Who asks again and again does not fill the machine with processes that the
// kernel keeps: one more is started only when one of them has ended.
func TestKept(t *testing.T) {
	ended := make(chan error)
	for range mostKept {
		leave(ended)
	}
	reader := []string{script(t, `echo '{"devices":[]}'`)}
	o := Options{Root: t.TempDir(), Reader: reader, SMI: noSMI, Limit: time.Minute}
	if inv := Machine(t.Context(), o); len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Text, "the driver did not answer") {
		t.Errorf("it finds %+v", inv)
	}
	ended <- nil
	for kept.Load() == mostKept {
		time.Sleep(time.Millisecond)
	}
	if inv := Machine(t.Context(), o); len(inv.Problems) != 0 {
		t.Errorf("afterwards it finds %+v", inv)
	}
	close(ended)
	for kept.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// Whose a process is: a stranger's, a task's, or nobody's to be seen.
func TestOwners(t *testing.T) {
	root := t.TempDir()
	put(t, root, "proc/11/comm", []byte("python3\n"))
	put(t, root, "proc/11/cgroup", []byte("0::/user.slice/session-2.scope\n"))
	put(t, root, "proc/12/comm", []byte("python3\n"))
	put(t, root, "proc/12/cgroup", []byte("0::/drydock.slice/drydock.scope/01M8BSZ23RDZBS092ZMWJQ8SXB.2/box\n"))
	devices := []gpu.Device{{Processes: []gpu.Process{{PID: 11, Kind: gpu.Compute}, {PID: 12, Kind: gpu.Compute}, {PID: 13, Kind: gpu.Compute}}}}
	owners(root, devices)
	p := devices[0].Processes
	if p[0].Name != "python3" || p[0].UID == nil || *p[0].UID != os.Getuid() || p[0].Task != "" {
		t.Errorf("the stranger is %+v", p[0])
	}
	if p[1].Task != "01M8BSZ23RDZBS092ZMWJQ8SXB" {
		t.Errorf("the task is %+v", p[1])
	}
	if p[2].UID != nil || p[2].String() != "pid 13 (unknown owner)" {
		t.Errorf("the hidden one is %+v", p[2])
	}
}

func TestPCIAddress(t *testing.T) {
	for in, want := range map[string]string{"00000000:3B:00.0": "0000:3b:00.0", "0000000F:01:00.0": "000f:01:00.0", "0000:00:06.0": "0000:00:06.0",
		"00010000:01:00.0": "00010000:01:00.0", "": ""} {
		if got := PCIAddress(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
