// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
)

// Drivers are nodes that stand for two accelerators: character devices below
// /dev with the numbers of drivers that this kernel has, that root may open,
// and that no container may unless it is told so. They go with the test.
type Drivers struct {
	Nodes [2]string
	devs  [2]int
}

// drivers are those of misc devices whose open does nothing to the machine. Not
// tun: older runtimes let every container have it.
var drivers = []string{"loop-control", "cpu_dma_latency", "btrfs-control", "autofs", "fuse", "userfaultfd", "vsock"}

// NewDrivers makes two nodes.
func NewDrivers(t testing.TB) *Drivers {
	t.Helper()
	need.Root(t)
	numbers, err := miscDevices()
	if err != nil {
		t.Fatal(err)
	}
	d, found, name := &Drivers{}, 0, rand.Uint32()
	for _, driver := range drivers {
		minor, ok := numbers[driver]
		if !ok || found == len(d.Nodes) {
			continue
		}
		path := fmt.Sprintf("/dev/drydock-test-%08x-%d", name, found)
		dev := int(unix.Mkdev(miscMajor, minor))
		makeNode(t, path, dev)
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err != nil {
			_ = os.Remove(path)
			continue
		} else if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		d.Nodes[found], d.devs[found] = path, dev
		found++
	}
	if found < len(d.Nodes) {
		need.Skip(t, "devices", "needs two of the kernel's drivers "+strings.Join(drivers, ", ")+" in /proc/misc")
	}
	return d
}

// Plant makes a node of one of the devices where the process pid finds it as
// path: the way to the device that no sandbox can rule out by not making nodes.
func (d *Drivers) Plant(t testing.TB, which, pid int, path string) {
	t.Helper()
	makeNode(t, fmt.Sprintf("/proc/%d/root%s", pid, path), d.devs[which])
}

// makeNode makes a character device that everybody may open.
func makeNode(t testing.TB, path string, dev int) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, dev); err != nil {
		t.Fatalf("mknod %s: %v", path, err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	if err := os.Chmod(path, 0o666); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// miscMajor is the number of the kernel's driver for many small devices.
const miscMajor = 10

// miscDevices are their minor numbers by name.
func miscDevices() (map[string]uint32, error) {
	file, err := os.Open("/proc/misc")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	numbers := map[string]uint32{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 {
			if minor, err := strconv.ParseUint(fields[0], 10, 32); err == nil {
				numbers[fields[1]] = uint32(minor)
			}
		}
	}
	return numbers, lines.Err()
}
