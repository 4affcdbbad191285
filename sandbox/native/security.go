// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/moby/sys/user"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// clusterCaps are the 14 of containerd and Docker (containerd pkg/oci/spec.go).
var clusterCaps = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// notByDefault are those of the 14 that no ordinary task misses.
var notByDefault = []string{"CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE"}

func capabilities(mode sandbox.CapMode) *specs.LinuxCapabilities {
	var caps []string
	for _, c := range clusterCaps {
		if mode == sandbox.CapsCluster || (mode != sandbox.CapsRestricted && !slices.Contains(notByDefault, c)) {
			caps = append(caps, c)
		}
	}
	// Inheritable and ambient stay empty (CVE-2022-24769).
	return &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
}

// readonlyPaths as moby's and containerd's default spec have them.
var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// maskedPaths are moby's (daemon/pkg/oci/defaults.go, 28.5): the list grew
// through GHSA-jq35-85cj-fj4p (powercap) and GHSA-6fw5-f8r9-fgfm (interrupts,
// thermal_throttle).
var maskedPaths = sync.OnceValue(func() []string {
	paths := []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware",
	}
	cpus, _ := os.ReadDir("/sys/devices/system/cpu")
	for _, cpu := range cpus {
		path := "/sys/devices/system/cpu/" + cpu.Name() + "/thermal_throttle"
		if strings.HasPrefix(cpu.Name(), "cpu") && unix.Access(path, unix.F_OK) == nil {
			paths = append(paths, path)
		}
	}
	return paths
})

// resolveUser looks a user up in the host's own passwd and group files, which
// are the sandbox's, too. "" is root. The primary group is a supplementary one,
// too, as containerd and moby have it (GHSA-hmfx-3pcx-653p): a set-gid program
// would else rid a task of a group that is there to deny something.
func resolveUser(name string) (specs.User, error) {
	if name == "" {
		return specs.User{AdditionalGids: []uint32{0}}, nil
	}
	u, err := user.GetExecUserPath(name, &user.ExecUser{Home: "/"}, "/etc/passwd", "/etc/group")
	if err != nil {
		return specs.User{}, &sandbox.SpecError{Field: "user", Reason: fmt.Sprintf("%q: %v", name, err), Remedy: "give a name from /etc/passwd, a uid, or uid:gid"}
	}
	resolved := specs.User{UID: uint32(u.Uid), GID: uint32(u.Gid), AdditionalGids: []uint32{uint32(u.Gid)}}
	for _, gid := range u.Sgids {
		if gid != u.Gid {
			resolved.AdditionalGids = append(resolved.AdditionalGids, uint32(gid))
		}
	}
	return resolved, nil
}
