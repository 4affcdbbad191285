// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"drydock/sandbox"
	"drydock/sandbox/devices"
	"drydock/sandbox/docker/engine"
)

// An attempt's accelerators. NVIDIA's come with files of its driver, which an
// engine has to put into the image: it is asked for them by their ids, never by
// a count or an index, which mean whatever is first. All others are plain
// nodes.

// way is how an engine passes devices.
type way string

// The ways. The last two are the same to the engine; the second says that it
// knows some of NVIDIA's devices by CDI, and not these.
const (
	byNodes   way = "device nodes"
	byCDI     way = "CDI"
	byRuntime way = "the runtime nvidia"
	byRequest way = "a request to the driver nvidia"
	besideCDI way = "a request to the driver nvidia, beside CDI"
)

// nvidiaKind is what CDI calls NVIDIA's GPUs (nvidia-ctk cdi generate).
const nvidiaKind = "nvidia.com/gpu="

// findWay says how an attempt's devices can be passed; "" without any. Errors
// are *sandbox.AcceleratorError, or the engine's own.
func (s *Sandbox) findWay(ctx context.Context, spec sandbox.Spec) (way, error) {
	a := spec.Accelerators
	if a == nil {
		return "", nil
	}
	info := s.engine.Info()
	var listed []string
	var err error
	switch {
	case a.NVIDIA(): // whose nodes are the engine's matter: its tools load the modules, too
		listed, err = s.engine.CDIDevices(ctx)
	case info.Local:
		_, err = devices.Find(a)
	}
	if err != nil {
		return "", err
	}
	return chooseWay(info, a, listed)
}

// chooseWay chooses by what the engine says of itself, and the devices that it
// lists by CDI. Whether the driver nvidia is there it says only when asked for
// a device, so that this comes last.
func chooseWay(info engine.Info, a *sandbox.Accelerators, listed []string) (way, error) {
	missing := slices.DeleteFunc(cdiNames(a), func(name string) bool { return slices.Contains(listed, name) })
	switch {
	case !a.NVIDIA() && !info.Local:
		return "", &sandbox.AcceleratorError{
			Message: "this machine's device nodes cannot be given to a container: " + info.Remote,
			Remedy:  "use an engine of this machine (its socket, and not from within a container), or the native sandbox",
		}
	case !a.NVIDIA():
		return byNodes, nil
	case info.DropsRequests():
		return "", &sandbox.AcceleratorError{
			Message: info.String() + " ignores GPUs that its Docker-compatible socket is asked for, without an error",
			Remedy:  "use Podman 5.4 or later with a CDI specification, Docker Engine with the NVIDIA Container Toolkit, or the native sandbox",
		}
	case len(missing) == 0:
		return byCDI, nil
	case info.Podman():
		return "", &sandbox.AcceleratorError{
			Message: "Podman passes GPUs by CDI only, and no CDI specification of this machine names " + strings.Join(missing, ", "),
			Remedy:  "write one anew with `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`",
		}
	case slices.Contains(info.Runtimes, "nvidia"):
		return byRuntime, nil
	case slices.ContainsFunc(listed, func(name string) bool { return strings.HasPrefix(name, nvidiaKind) }):
		return besideCDI, nil
	}
	return byRequest, nil
}

// unlisted explains a start that failed when NVIDIA's driver was asked for what
// CDI does not know: whoever uses CDI has to mend that.
func unlisted(failed sandbox.StartError, a *sandbox.Accelerators) sandbox.StartError {
	failed.Message = "no CDI specification that the engine knows names all of " + strings.Join(cdiNames(a), ", ") + ", and without one: " + failed.Message
	failed.Remedy = "write it anew with `sudo nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml`"
	failed.Stale = true
	return failed
}

// cdiNames are CDI's full names of the devices.
func cdiNames(a *sandbox.Accelerators) []string {
	names := make([]string, len(a.IDs))
	for i, id := range a.IDs {
		names[i] = nvidiaKind + id
	}
	return names
}

// driverParts are what of NVIDIA's driver a container gets: CUDA and nvidia-smi.
var driverParts = []string{"compute", "utility"}

// addDevices asks for the devices in a container's terms. A container without
// any is told so.
func addDevices(c *engine.Container, a *sandbox.Accelerators, w way, podman bool) {
	c.Env = environment(c.Env, a, w, podman)
	if a == nil {
		return
	}
	c.CapAdd = slices.DeleteFunc(slices.Clone(c.CapAdd), func(name string) bool { return name == "MKNOD" })
	for _, gid := range a.Groups {
		c.Groups = append(c.Groups, strconv.Itoa(gid))
	}
	switch w {
	case byNodes:
		c.Devices = a.Nodes
	case byCDI:
		c.Request = &engine.DeviceRequest{Driver: "cdi", IDs: cdiNames(a)}
	case byRequest, besideCDI:
		c.Request = &engine.DeviceRequest{Driver: "nvidia", IDs: a.IDs, Capabilities: append([]string{"gpu"}, driverParts...)}
	case byRuntime:
		c.Runtime = "nvidia"
	}
}

// Variables of NVIDIA's. What is visible is the engine's to say where it was
// asked by the driver's name. Inside GPUs are counted from 0 again, so that the
// host's numbers would be wrong there.
const (
	visibleName  = "NVIDIA_VISIBLE_DEVICES"
	partsName    = "NVIDIA_DRIVER_CAPABILITIES"
	cudaName     = "CUDA_VISIBLE_DEVICES"
	noGPU        = visibleName + "=void"
	cudaOfAnyone = cudaName // without a value: not even the image's own
)

// environment is the attempt's with what belongs to its devices. Without a GPU
// of NVIDIA's it says that there is none: where the engine's default runtime is
// NVIDIA's an image that says "all", as CUDA's do, would get every one.
func environment(env []string, a *sandbox.Accelerators, w way, podman bool) []string {
	var own []string
	if a != nil {
		own = a.Env
	}
	env = devices.Environment(env, devices.Without(own, visibleName, partsName, cudaName))
	env = devices.Without(env, visibleName)
	if !a.NVIDIA() {
		return append(env, noGPU)
	}
	env = devices.Without(env, partsName, cudaName)
	if !podman { // which takes a name alone for its own variable
		env = append(env, cudaOfAnyone)
	}
	switch w {
	case byRuntime:
		env = append(env, visibleName+"="+strings.Join(a.IDs, ","), partsName+"="+strings.Join(driverParts, ","))
	case byCDI:
		env = append(env, noGPU) // so that NVIDIA's runtime does not add to it
	}
	return env
}

// deviceEnforcement says how the attempt's accelerators are its own.
func deviceEnforcement(info engine.Info, a *sandbox.Accelerators, w way) []sandbox.Enforcement {
	if a == nil {
		return nil
	}
	e := sandbox.Enforcement{Limit: "accelerators", State: sandbox.Enforced,
		Why: "the engine passes those that were given, and no others, by " + string(w)}
	switch {
	case w == "":
		e.Why = "the engine passes those that were given, and no others"
	case info.Rootless:
		e.State = sandbox.Emulated
		e.Why = "a rootless engine can load no device filter: the container has the nodes of those that were given, passed by " + string(w)
	}
	return []sandbox.Enforcement{e}
}
