// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/integration/guest/wire"
)

// The disks, in the order in which the harness attaches them.
const (
	rootDisk    = "/dev/vda"
	payloadDisk = "/dev/vdb"
	moreDisk    = "/dev/vdc" // for swap, for quotas, or to keep
)

const newRoot = "/root"

// mount is one file system to mount.
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func mountAll(mounts []mount) error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.target, err)
		}
	}
	return nil
}

// enter goes from the initial file system to the root file system.
func enter() error {
	fmt.Println("agent: the kernel is up") // a guest that says nothing is taken for hung
	if err := mountAll([]mount{
		{"proc", "/proc", "proc", 0, ""},
		{"sysfs", "/sys", "sysfs", 0, ""},
		{"devtmpfs", "/dev", "devtmpfs", 0, ""},
	}); err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	// As udev's rules have it, for a device that ordinary users' tests hold.
	if err := os.Chmod("/dev/fuse", 0o666); err != nil {
		return err
	}
	for _, disk := range []string{rootDisk, payloadDisk} {
		if err := waitFor(disk); err != nil {
			return err
		}
	}
	if err := mountAll([]mount{
		{rootDisk, newRoot, "ext4", 0, ""},
		{payloadDisk, filepath.Join(newRoot, wire.Payload), "ext4", unix.MS_RDONLY, ""},
	}); err != nil {
		return err
	}
	plan, err := readPlan(filepath.Join(newRoot, wire.Payload))
	if err != nil {
		return err
	}
	next := []string{filepath.Join(wire.Payload, "agent"), "first"}
	if plan.Systemd {
		next = []string{"/lib/systemd/systemd"}
		if err := addService(newRoot); err != nil {
			return err
		}
	}
	return switchRoot(newRoot, next)
}

// loadModules loads what the file "order" names, one a line.
func loadModules(dir string) error {
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(order)) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// waitFor waits for a device: drivers probe in the background.
func waitFor(path string) error {
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("no %s", path)
}

func readPlan(payload string) (wire.Plan, error) {
	var plan wire.Plan
	data, err := os.ReadFile(filepath.Join(payload, wire.PlanFile))
	if err != nil {
		return plan, err
	}
	return plan, json.Unmarshal(data, &plan)
}

// service runs the jobs below systemd and then switches the machine off.
const service = `[Unit]
Description=jobs of the test harness
After=multi-user.target
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate

[Service]
Type=oneshot
ExecStart=/payload/agent jobs
TasksMax=infinity
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
`

// addService has systemd start the service last of all.
func addService(root string) error {
	const name = "drydock-guest.service"
	units := filepath.Join(root, "etc/systemd/system")
	wants := filepath.Join(units, "graphical.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(units, name), []byte(service), 0o644); err != nil {
		return err
	}
	return os.Symlink("../"+name, filepath.Join(wants, name))
}

// switchRoot makes root the root and becomes the program next there
// (switch_root(8)).
func switchRoot(root string, next []string) error {
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(dir, root+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", dir, err)
		}
	}
	if err := os.RemoveAll("/modules"); err != nil { // it is memory
		return err
	}
	if err := os.Remove("/init"); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(root, "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb"}
	return fmt.Errorf("%s: %w", next[0], unix.Exec(next[0], next, env))
}
