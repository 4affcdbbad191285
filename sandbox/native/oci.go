// SPDX-License-Identifier: Apache-2.0

package native

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/devices"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// plan checks a Spec and translates it into what the shim carries out.
// Errors are *sandbox.SpecError and *sandbox.AcceleratorError; nothing was made.
func (s *Sandbox) plan(spec sandbox.Spec) (*shimapi.Config, error) {
	if err := checkSpec(spec); err != nil {
		return nil, err
	}
	user, err := resolveUser(spec.User)
	if err != nil {
		return nil, err
	}
	if err := s.checkIDs(user); err != nil {
		return nil, err
	}
	nodes, err := s.findDevices(spec)
	if err != nil {
		return nil, err
	}
	if spec.Accelerators != nil {
		spec.Env = devices.Environment(spec.Env, spec.Accelerators.Env)
	}
	way, err := diskWay(spec)
	if err != nil {
		return nil, err
	}
	view, err := lookAtHost(spec, s.ids != nil)
	if err != nil {
		return nil, err
	}
	oci := s.oci(spec, view, user)
	s.addDevices(oci, spec, nodes)
	oci.Linux.Seccomp, err = seccomp.GetDefaultProfile(oci)
	if err != nil {
		return nil, fmt.Errorf("build the seccomp profile: %w", err)
	}
	section := shimapi.Section{
		Config: wire.Config{
			ID:          client.Name(spec),
			Dir:         spec.Dir,
			Lease:       s.leases.Path(client.Name(spec)),
			Cgroup:      client.Name(spec),
			CgroupBase:  s.hierarchy.Base,
			CgroupOwned: cmp.Or(s.hierarchy.Owned, scopeOf(s.hierarchy.Base)),
			Spec:        spec,
			Enforcement: s.Enforcement(spec),
		},
		Rootfs: view.rootfs,
		Disk:   way,
		ShmDir: filepath.Join(spec.Dir, "shm"),
	}
	if root := stateRoot(spec.Dir); root != spec.Dir {
		section.CacheDir = filepath.Join(root, cacheName)
	}
	section.Spec.Env = nil // they travel in the OCI part
	if !allText(spec.Args, spec.Env) {
		section.Raw = &shimapi.RawProcess{Args: toBytes(spec.Args), Env: toBytes(spec.Env)}
	}
	return &shimapi.Config{Version: shimapi.Version, OCI: *oci, Drydock: section}, nil
}

// allText reports whether every word survives JSON.
func allText(lists ...[]string) bool {
	for _, words := range lists {
		if slices.ContainsFunc(words, func(w string) bool { return !utf8.ValidString(w) }) {
			return false
		}
	}
	return true
}

func toBytes(words []string) [][]byte {
	list := make([][]byte, len(words))
	for i, w := range words {
		list[i] = []byte(w)
	}
	return list
}

func checkSpec(spec sandbox.Spec) error {
	switch {
	case spec.ID == "" || spec.Attempt < 1 || !filepath.IsAbs(spec.Dir):
		return &sandbox.SpecError{Field: "attempt", Reason: "needs an id, a number from 1 and an absolute directory"}
	case len(spec.Args) == 0:
		return &sandbox.SpecError{Field: "command", Reason: "is empty", Remedy: "give a program to run"}
	case !allText(paths(spec)):
		return &sandbox.SpecError{Field: "mount", Reason: "the working directory and the mounts must have names in UTF-8", Remedy: "rename the directory"}
	case spec.Image != "":
		return &sandbox.SpecError{Field: "image", Reason: "the native sandbox runs on the host's own root file system", Remedy: "leave the image out"}
	case spec.Network != "" && spec.Network != sandbox.NetworkHost && spec.Network != sandbox.NetworkNone:
		return &sandbox.SpecError{Field: "network", Reason: fmt.Sprintf("%q is not known to the native sandbox", spec.Network), Remedy: "use host or none"}
	}
	return devices.CheckMounts(spec)
}

func paths(spec sandbox.Spec) []string {
	list := []string{spec.WorkDir, spec.Dir}
	for _, m := range spec.Mounts {
		list = append(list, m.Source, m.Target)
	}
	return list
}

// oci builds the runtime-spec configuration.
func (s *Sandbox) oci(spec sandbox.Spec, view *hostView, user specs.User) *specs.Spec {
	hostname, _ := os.Hostname() // the host's: programs look themselves up by it
	return &specs.Spec{
		Version:  specs.Version,
		Hostname: hostname,
		Root:     &specs.Root{Path: filepath.Join(spec.Dir, "rootfs"), Readonly: spec.ReadOnly},
		Process:  s.process(spec, view, user),
		Mounts:   append(s.baseMounts(spec), view.mounts...),
		Linux: &specs.Linux{
			Resources:     s.resources(spec.Limits),
			Namespaces:    s.namespaces(spec),
			MaskedPaths:   append(maskedPaths(), view.masked...),
			ReadonlyPaths: readonlyPaths,
		},
	}
}

func (s *Sandbox) process(spec sandbox.Spec, view *hostView, user specs.User) *specs.Process {
	adj := spec.Limits.OOMScoreAdj
	p := &specs.Process{
		Terminal:        spec.TTY,
		User:            user,
		Args:            spec.Args,
		Env:             spec.Env,
		Cwd:             view.workDir,
		Capabilities:    capabilities(spec.Caps),
		Rlimits:         rlimits(spec.Limits),
		NoNewPrivileges: spec.Caps != sandbox.CapsCluster,
		OOMScoreAdj:     &adj,
	}
	if spec.TTY && spec.Size.Rows > 0 {
		p.ConsoleSize = &specs.Box{Height: uint(spec.Size.Rows), Width: uint(spec.Size.Cols)}
	}
	return p
}

// rlimits sets what the caller's shell would otherwise decide. A core dump of
// a large process would hold up the verdict by minutes.
func rlimits(l sandbox.Limits) []specs.POSIXRlimit {
	var nofile, core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &nofile)
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	limits := []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 0, Hard: core.Max}}
	if l.NoFile > 0 {
		limits = append(limits, specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: min(l.NoFile, nofile.Max), Hard: nofile.Max})
	}
	return limits
}

// namespaces are those of a container; as on a cluster there is no user
// namespace for root. A cgroup namespace is what containers have on v2 and
// not on v1 (moby daemon/config: CgroupNamespaceMode).
func (s *Sandbox) namespaces(spec sandbox.Spec) []specs.LinuxNamespace {
	types := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace}
	if s.hierarchy.Version == 2 {
		types = append(types, specs.CgroupNamespace)
	}
	if spec.Network == sandbox.NetworkNone {
		types = append(types, specs.NetworkNamespace)
	}
	var namespaces []specs.LinuxNamespace
	for _, t := range types {
		namespaces = append(namespaces, specs.LinuxNamespace{Type: t})
	}
	return namespaces
}

// resources are the limits of the container's own cgroup.
func (s *Sandbox) resources(l sandbox.Limits) *specs.LinuxResources {
	r := &specs.LinuxResources{
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}, // the runtime adds the harmless ones
		Memory:  &specs.LinuxMemory{},
		CPU:     &specs.LinuxCPU{},
	}
	if l.Memory > 0 {
		memory := l.Memory
		r.Memory.Limit = &memory
		if s.canLimitSwap() {
			swap := memory // memory and swap together: no swap
			r.Memory.Swap = &swap
		}
	}
	if l.CPUShares > 0 && s.has("cpu") {
		r.CPU.Shares = &l.CPUShares
	}
	if l.CPUQuota > 0 && s.has("cpu") {
		r.CPU.Quota, r.CPU.Period = &l.CPUQuota, &l.CPUPeriod
	}
	if l.Pids > 0 {
		r.Pids = &specs.LinuxPids{Limit: &l.Pids}
	}
	for _, size := range s.hugepageSizes() {
		r.HugepageLimits = append(r.HugepageLimits, specs.LinuxHugepageLimit{Pagesize: size, Limit: 0})
	}
	return r
}

// baseMounts are a container's own file systems, with the options that
// containerd gives them (containerd pkg/oci/mounts.go).
func (s *Sandbox) baseMounts(spec sandbox.Spec) []specs.Mount {
	return s.forUser(spec, []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "bind", Source: filepath.Join(spec.Dir, "shm"), Options: []string{"bind", "rw", "nosuid", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=755", "size=65536k"}},
	})
}
