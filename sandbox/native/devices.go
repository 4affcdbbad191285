// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/devices"
	"drydock/sandbox/native/shimapi"
)

// An attempt's accelerators. The driver's libraries lie in the host's own root
// file system, which is the attempt's, too, and match the kernel module: what
// is needed beside it are nodes in the private /dev and rules that let them be
// opened. There are no images here, so that no driver files are mounted.

// findDevices looks up what the attempt gets. Errors are
// *sandbox.AcceleratorError.
func (s *Sandbox) findDevices(spec sandbox.Spec) ([]devices.Node, error) {
	nodes, err := devices.Find(spec.Accelerators)
	if err != nil || s.ids == nil {
		return nodes, err
	}
	for _, n := range nodes {
		if !mayOpen(n, uint32(os.Geteuid()), uint32(os.Getegid())) {
			return nil, &sandbox.AcceleratorError{
				Message: fmt.Sprintf("the device node %s (mode %o, uid %d, gid %d) is not open to an ordinary user's sandbox, which has no group but your first one", n.Path, n.Mode, n.UID, n.GID),
				Remedy:  "run drydock as root, or open the node to everybody with a udev rule (MODE=\"0666\")",
			}
		}
	}
	return nodes, nil
}

// mayOpen says whether a process with these ids, and no other groups, may read
// and write the node.
func mayOpen(n devices.Node, uid, gid uint32) bool {
	switch {
	case n.UID == uid:
		return n.Mode&0o600 == 0o600
	case n.GID == gid:
		return n.Mode&0o060 == 0o060
	}
	return n.Mode&0o006 == 0o006
}

// addDevices puts the nodes into the private /dev and lets the attempt open
// them; all others stay denied. It may not make nodes of its own.
func (s *Sandbox) addDevices(oci *specs.Spec, spec sandbox.Spec, nodes []devices.Node) {
	a := spec.Accelerators
	if a == nil {
		return
	}
	for _, n := range nodes {
		major, minor, mode := int64(n.Major), int64(n.Minor), n.Mode
		device := specs.LinuxDevice{Path: n.Path, Type: "c", Major: major, Minor: minor, FileMode: &mode}
		if s.ids == nil { // a user namespace binds the host's node, owner and all
			device.UID, device.GID = &n.UID, &n.GID
		}
		oci.Linux.Devices = append(oci.Linux.Devices, device)
		oci.Linux.Resources.Devices = append(oci.Linux.Resources.Devices,
			specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &major, Minor: &minor, Access: "rw"})
	}
	if s.ids == nil {
		for _, gid := range a.Groups {
			oci.Process.User.AdditionalGids = append(oci.Process.User.AdditionalGids, uint32(gid))
		}
	}
	withoutMknod(oci.Process.Capabilities)
	if hook := s.paramsHook(spec); hook != nil {
		oci.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{*hook}}
	}
}

// withoutMknod drops the capability that would undo everything, whatever the
// attempt's mode gives.
func withoutMknod(c *specs.LinuxCapabilities) {
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
		*set = slices.DeleteFunc(slices.Clone(*set), func(name string) bool { return name == "CAP_MKNOD" })
	}
}

// nvidiaParams is where NVIDIA's kernel module says whether its libraries may
// make and change device nodes by themselves, as root's do: for all the GPUs
// that there are. The attempt's says that they may not, as NVIDIA's own
// container toolkit has it (its hook disable-device-node-modification).
var nvidiaParams = "/proc/driver/nvidia/params"

// paramsHook has the shim cover the file. The runtime refuses a mount there.
func (s *Sandbox) paramsHook(spec sandbox.Spec) *specs.Hook {
	if _, err := os.Stat(nvidiaParams); err != nil || !spec.Accelerators.NVIDIA() {
		return nil
	}
	return &specs.Hook{Path: s.shim, Args: []string{
		"drydock-shim", shimapi.ParamsArg, nvidiaParams,
		filepath.Join(spec.Dir, shimapi.ParamsFile), filepath.Join(spec.Dir, "rootfs", nvidiaParams),
	}}
}

// deviceEnforcement says how the attempt's accelerators are its own.
func (s *Sandbox) deviceEnforcement(spec sandbox.Spec) []sandbox.Enforcement {
	switch {
	case spec.Accelerators == nil:
		return nil
	case s.ids != nil:
		return []sandbox.Enforcement{{Limit: "accelerators", State: sandbox.Emulated,
			Why: "an ordinary user can load no device filter: the private /dev has the nodes that were given and no others"}}
	}
	return []sandbox.Enforcement{{Limit: "accelerators", State: sandbox.Enforced,
		Why: "the private /dev has the nodes that were given, and the cgroup's device rules let no others be opened"}}
}
