// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const createCall = "create container"

// Create makes a container and starts nothing. The warnings are the engine's,
// about limits that it will not keep. Errors are an *Error, among them NoImage
// when its image is not there (any more), NameInUse, and Invalid, or a
// *StartError for a memory limit below the engine's least.
func (e *Engine) Create(ctx context.Context, c Container) (id string, warnings []string, err error) {
	if c, err = e.adapt(ctx, c); err != nil {
		return "", nil, err
	}
	config, host := translate(c)
	err = e.call(ctx, createCall, e.limits.change, func(ctx context.Context) error {
		made, err := e.client.ContainerCreate(ctx, config, host, nil, platform(c.Platform), c.Name)
		id, warnings = made.ID, made.Warnings
		return err
	})
	return id, warnings, startFailure(err)
}

func translate(c Container) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:      c.Image,
		Entrypoint: c.Entrypoint,
		Cmd:        c.Args,
		Env:        c.Env,
		WorkingDir: c.WorkDir,
		User:       c.User,
		Labels:     c.Labels,
		Tty:        c.TTY,
		OpenStdin:  c.Stdin, StdinOnce: c.Stdin, AttachStdin: c.Stdin,
		AttachStdout: true, AttachStderr: true,
		// An image's health check would run more processes in the task's
		// cgroup, and its kills would be taken for the task's.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{
		NetworkMode:    container.NetworkMode(c.Network),
		ExtraHosts:     c.ExtraHosts,
		ReadonlyRootfs: c.ReadOnly,
		CapAdd:         c.CapAdd,
		CapDrop:        c.CapDrop,
		ShmSize:        c.ShmSize,
		OomScoreAdj:    c.OOMScoreAdj,
		CgroupnsMode:   container.CgroupnsMode(c.CgroupNS),
		LogConfig:      container.LogConfig{Type: c.LogDriver},
		Mounts:         mounts(c),
		Tmpfs:          tmpfs(c.Tmpfs),
		GroupAdd:       c.Groups,
		Runtime:        c.Runtime,
		Resources:      resources(c),
	}
	if c.DiskSize > 0 {
		host.StorageOpt = map[string]string{"size": strconv.FormatInt(c.DiskSize, 10)}
	}
	if c.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	return config, host
}

func resources(c Container) container.Resources {
	r := container.Resources{
		Memory:       c.Memory,
		MemorySwap:   c.MemorySwap,
		CPUShares:    c.CPUShares,
		CPUPeriod:    c.CPUPeriod,
		CPUQuota:     c.CPUQuota,
		CgroupParent: c.CgroupParent,
	}
	if c.Pids != 0 {
		r.PidsLimit = &c.Pids
	}
	for _, path := range c.Devices {
		r.Devices = append(r.Devices, container.DeviceMapping{PathOnHost: path, PathInContainer: path, CgroupPermissions: "rw"})
	}
	if q := c.Request; q != nil {
		request := container.DeviceRequest{Driver: q.Driver, DeviceIDs: q.IDs}
		if len(q.Capabilities) > 0 {
			request.Capabilities = [][]string{q.Capabilities}
		}
		r.DeviceRequests = []container.DeviceRequest{request}
	}
	for _, u := range c.Ulimits {
		r.Ulimits = append(r.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return r
}

// mounts are the binds. They go as mounts, not as "binds": the engine then
// refuses a source that is not there instead of making a directory of it, and
// a path may hold a colon.
func mounts(c Container) []mount.Mount {
	var all []mount.Mount
	for _, b := range c.Binds {
		all = append(all, mount.Mount{Type: mount.TypeBind, Source: b.Source, Target: b.Target, ReadOnly: b.ReadOnly})
	}
	return all
}

func tmpfs(all []Tmpfs) map[string]string {
	if len(all) == 0 {
		return nil
	}
	options := map[string]string{}
	for _, t := range all {
		words := []string{"rw", "nosuid", "nodev", fmt.Sprintf("mode=%o", tmpfsMode(t.Mode))}
		if t.Exec {
			words = append(words, "exec") // the engine adds noexec of its own
		}
		if t.Size > 0 {
			words = append(words, fmt.Sprintf("size=%d", t.Size))
		}
		if t.Options != "" {
			words = append(words, t.Options)
		}
		options[t.Target] = strings.Join(words, ",")
	}
	return options
}

func tmpfsMode(mode uint32) uint32 {
	if mode == 0 {
		return uint32(os.ModePerm) | 0o1000
	}
	return mode
}

// platform splits os/arch[/variant]; nil for "".
func platform(name string) *ocispec.Platform {
	if name == "" {
		return nil
	}
	parts := strings.SplitN(strings.ToLower(name), "/", 3)
	parts = append(parts, "", "")
	return &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}
