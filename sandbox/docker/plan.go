// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/internal/state"
	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// planVersion is the version of plan. The supervisor is this program, so that
// it differs only where somebody names another.
const planVersion = 2

// plan is the first line to the supervisor.
type plan struct {
	Version int `json:"version"`
	wire.Config

	Engine    engine.Config    `json:"engine"`
	Product   string           `json:"product"` // and its version
	Image     *sandbox.Image   `json:"image"`
	Container engine.Container `json:"container"`
	Devices   way              `json:"devices,omitempty"` // how they are passed
	Disk      *diskPlan        `json:"disk,omitempty"`    // nil: no hard limit
	// Owned says that the container goes below a cgroup of drydock's.
	Owned bool `json:"owned"`
	// Slice says that this cgroup is a slice of systemd's.
	Slice bool `json:"slice,omitempty"`
	// Far says that the engine has other files than drydock.
	Far bool `json:"far,omitempty"`
	// CgroupVersion is that of the engine's machine.
	CgroupVersion int `json:"cgroup_version"`
}

// plan says everything that the supervisor needs to know.
func (s *Sandbox) plan(spec sandbox.Spec, image engine.Image, w way) *plan {
	info := s.engine.Info()
	name := client.Name(spec)
	p := &plan{
		Version: planVersion,
		Config: wire.Config{
			ID: name, Dir: spec.Dir, Lease: s.leases.Path(name),
			Cgroup: s.host.groupName(name), CgroupBase: s.host.hierarchy.Base,
			Spec: spec, Enforcement: s.enforcement(spec, w),
		},
		Engine:        engine.Config{Host: info.Endpoint, Known: &info},
		Product:       info.String(),
		Image:         image.Sandbox(),
		Container:     container(spec, image.ID),
		Devices:       w,
		Owned:         s.host.owned,
		Far:           !info.Local,
		CgroupVersion: info.CgroupVersion,
	}
	p.Spec.Env = nil // they travel in the container's part
	addDevices(&p.Container, spec.Accelerators, w, info.Podman())
	if !strings.HasPrefix(info.Endpoint, "unix://") {
		p.Engine = s.config // an endpoint with keys, or behind ssh
		p.Engine.Known = &info
	}
	p.Disk, _ = planDisk(info, spec) // checked before
	if p.Disk != nil && p.Disk.Layer {
		p.Container.DiskSize = spec.Limits.Disk
	}
	p.Container.Labels = labels(spec, s.leases)
	if p.Owned {
		p.Slice = s.host.slices
		p.Container.CgroupParent = s.host.parent(name)
		p.Container.Memory = s.host.group(name).RuntimeMemory(spec.Limits.Memory)
		p.Container.MemorySwap = p.Container.Memory
	}
	if info.CgroupVersion == 2 {
		p.Container.CgroupNS = "private" // as the kubelet has it
	}
	return p
}

// container translates a spec into the engine's terms.
func container(spec sandbox.Spec, image string) engine.Container {
	l := spec.Limits
	c := engine.Container{
		Name:  containerName(client.Name(spec)),
		Image: image, Platform: spec.Platform,
		Entrypoint: spec.Entrypoint, Args: spec.Args,
		Env: spec.Env, WorkDir: spec.WorkDir, User: spec.User,
		TTY:        spec.TTY,
		Network:    string(spec.Network),
		ExtraHosts: spec.Hosts,
		ReadOnly:   spec.ReadOnly,
		CapDrop:    []string{"ALL"}, CapAdd: capabilities(spec.Caps),
		NoNewPrivileges: spec.Caps != sandbox.CapsCluster,
		ShmSize:         l.ShmSize,
		// Memory and swap together: the engine's own default is twice the
		// memory, which hides an OOM wherever there is swap.
		Memory: l.Memory, MemorySwap: l.Memory,
		CPUShares: int64(l.CPUShares),
		Pids:      l.Pids, OOMScoreAdj: l.OOMScoreAdj,
		Ulimits:   ulimits(l),
		LogDriver: "none", // the supervisor keeps the log
	}
	if l.CPUQuota > 0 { // never NanoCpus: refused above the machine's cores
		c.CPUQuota, c.CPUPeriod = l.CPUQuota, int64(l.CPUPeriod)
	}
	if spec.Network == "" {
		c.Network = string(sandbox.NetworkBridge)
	}
	hide := slices.Clone(spec.Hide)
	if root, _, _, err := state.AttemptOf(spec.Dir); err == nil { // other tasks' logs, and what drydock goes by
		hide = append(hide, root)
	}
	for _, m := range spec.Mounts {
		c.Binds = append(c.Binds, engine.Bind{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
		c.Tmpfs = append(c.Tmpfs, hidden(m, hide)...)
	}
	return c
}

// containerName is what the container of an attempt is called.
func containerName(attempt string) string { return "drydock-" + attempt }

// hidden puts an empty file system over each directory below a bind that is to
// be kept out of sight.
func hidden(m sandbox.Mount, hide []string) []engine.Tmpfs {
	var all []engine.Tmpfs
	for _, path := range hide {
		rest, err := filepath.Rel(followed(m.Source), followed(path))
		if info, statErr := os.Stat(path); err != nil || statErr != nil || !info.IsDir() || rest == "." || !filepath.IsLocal(rest) {
			continue
		}
		all = append(all, engine.Tmpfs{Target: filepath.Join(m.Target, rest), Size: int64(os.Getpagesize()), Mode: 0o555})
	}
	return all
}

// followed is a path without symbolic links; one that cannot be followed stays.
func followed(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// defaultCaps are the container default without mknod, net_raw and
// audit_write; clusterCaps the 14 of containerd (limits-and-oom §9).
var (
	defaultCaps = []string{"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL"}
	clusterCaps = append(slices.Clone(defaultCaps), "MKNOD", "NET_RAW", "AUDIT_WRITE")
)

func capabilities(mode sandbox.CapMode) []string {
	switch mode {
	case sandbox.CapsRestricted:
		return nil
	case sandbox.CapsCluster:
		return clusterCaps
	}
	return defaultCaps
}

// ulimits sets what the engine's own would otherwise decide. A core dump of a
// large process would hold up the verdict by minutes.
func ulimits(l sandbox.Limits) []engine.Ulimit {
	limits := []engine.Ulimit{{Name: "core", Soft: 0, Hard: 0}}
	if l.NoFile > 0 {
		// Not above our own, as natively: an engine that may not raise its
		// own limit (a container's, say) starts nothing that asks for more.
		soft, hard := l.NoFile, l.NoFile
		var own unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &own) == nil {
			soft, hard = min(soft, own.Max), own.Max
		}
		limits = append(limits, engine.Ulimit{Name: "nofile", Soft: int64(soft), Hard: int64(hard)})
	}
	return limits
}

// The labels by which admission and cleaning know drydock's containers. They
// are anybody's to read: values of the environment never stand there.
const (
	labelID      = "io.drydock.id"
	labelAttempt = "io.drydock.attempt"
	labelDir     = "io.drydock.dir"
	labelLeases  = "io.drydock.leases"
	labelUID     = "io.drydock.uid"
	labelPlace   = "io.drydock.place"
)

func labels(spec sandbox.Spec, leases client.Leases) map[string]string {
	return map[string]string{
		labelID:      spec.ID,
		labelAttempt: strconv.Itoa(spec.Attempt),
		labelDir:     spec.Dir,
		labelLeases:  string(leases),
		labelUID:     strconv.Itoa(os.Geteuid()),
		labelPlace:   place(),
	}
}
