// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/system"
)

// Info is what the engine says of itself and its machine.
type Info struct {
	Product string // "Docker Engine", "Podman"
	Version string // "28.5.2"
	API     string // as negotiated, "1.51"
	ID      string // of this installation
	Name    string // the engine's host name

	OS, Arch        string // "linux", "amd64": of the images it runs
	OperatingSystem string // "Debian GNU/Linux 12 (bookworm)", "Docker Desktop"
	Kernel          string
	CPUs            int
	Memory          int64 // bytes

	CgroupVersion int    // 1 or 2; 0: not said
	CgroupDriver  string // "cgroupfs", "systemd", "none"
	Rootless      bool
	UsernsRemap   bool // root inside is nobody outside

	// Which limits the engine's machine can hold.
	MemoryLimit, SwapLimit, CPUQuota, CPUShares, PidsLimit bool

	Runtime         string // the default one's name, "runc"
	RuntimeVersion  string
	Runtimes        []string
	StorageDriver   string // "overlay2", "overlayfs" (the containerd store)
	LogDriver       string
	RootDir         string // where the engine keeps its data, on its host
	SecurityOptions []string
	CDIDirs         []string // where it looks for device descriptions; nil: it does not
	Warnings        []string

	Endpoint string // "unix:///var/run/docker.sock"
	Origin   string // what chose the endpoint: "DOCKER_HOST", "context desktop-linux", …
	// Local says that the engine runs on this machine and numbers processes
	// as this process does, so that a State.PID can be looked up in /proc: the
	// endpoint is a Unix socket, the process behind it is in our pid
	// namespace (SO_PEERCRED), and kernel, memory and host name are ours.
	// That fools nobody but a twin: a tunnel to a machine of the same name,
	// kernel and memory. Whoever acts on a PID should see the container's ID
	// in its /proc/PID/cgroup first.
	Local bool
	// Remote is why Local is false.
	Remote string
}

// String is product and version.
func (i Info) String() string { return i.Product + " " + i.Version }

// Podman says whether the engine is Podman.
func (i Info) Podman() bool { return i.Product == productPodman }

const (
	productDocker = "Docker Engine"
	productPodman = "Podman"
)

// read asks the engine about itself. Both answers take it a while, because it
// runs programs for them: it is asked for both at once.
func (e *Engine) read(ctx context.Context) (Info, error) {
	type answer struct {
		version types.Version
		err     error
	}
	first := make(chan answer, 1)
	go func() { // ends with ctx at the latest
		version, err := e.client.ServerVersion(ctx)
		first <- answer{version, err}
	}()
	said, err := e.client.Info(ctx)
	got := <-first
	if err := errors.Join(got.err, err); err != nil {
		return Info{}, err
	}
	info := infoFrom(got.version, said)
	info.API = e.client.ClientVersion()
	return info, nil
}

func infoFrom(version types.Version, said system.Info) Info {
	info := Info{
		Product: productDocker,
		Version: version.Version,
		ID:      said.ID, Name: said.Name,
		OS: version.Os, Arch: version.Arch,
		OperatingSystem: said.OperatingSystem, Kernel: said.KernelVersion,
		CPUs: said.NCPU, Memory: said.MemTotal,
		CgroupDriver: said.CgroupDriver,
		Rootless:     hasOption(said.SecurityOptions, "rootless"),
		UsernsRemap:  hasOption(said.SecurityOptions, "userns"),
		MemoryLimit:  said.MemoryLimit, SwapLimit: said.SwapLimit,
		CPUQuota: said.CPUCfsQuota, CPUShares: said.CPUShares, PidsLimit: said.PidsLimit,
		Runtime: said.DefaultRuntime, RuntimeVersion: said.RuncCommit.ID,
		StorageDriver: said.Driver, LogDriver: said.LoggingDriver, RootDir: said.DockerRootDir,
		SecurityOptions: said.SecurityOptions,
		CDIDirs:         said.CDISpecDirs,
		Warnings:        said.Warnings,
	}
	for _, component := range version.Components {
		switch component.Name {
		case "Podman Engine":
			info.Product = productPodman
		case "runc":
			info.RuntimeVersion = component.Version
		}
	}
	for name := range said.Runtimes {
		info.Runtimes = append(info.Runtimes, name)
	}
	slices.Sort(info.Runtimes)
	info.CgroupVersion, _ = strconv.Atoi(strings.TrimPrefix(said.CgroupVersion, "v")) // Podman: "v2"
	return info
}

// hasOption looks for "name=rootless" or "name=seccomp,profile=builtin" by name.
func hasOption(options []string, name string) bool {
	return slices.ContainsFunc(options, func(option string) bool {
		word, _, _ := strings.Cut(option, ",")
		return word == name || word == "name="+name
	})
}
