// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"strings"

	"drydock/sandbox"
)

// What to do where a container's devices cannot be had.
const (
	installToolkit = "install nvidia-container-toolkit, run `sudo nvidia-ctk runtime configure --runtime=docker`, and restart Docker"
	generateCDI    = "write one anew with `sudo nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml`"
	noToolkit      = "Docker cannot pass GPUs: the NVIDIA Container Toolkit was not found by the Docker daemon"
)

// deviceWords tells what engines, runtimes and NVIDIA's tools say when the
// devices cannot be passed on; the first entry of which every word occurs
// counts. The sources: moby's daemon/devices.go and daemon/cdi.go (20.10,
// 28.5), the CDI library, libnvidia-container. A message without own words is
// the engine's.
var deviceWords = []struct {
	words []string
	said  sandbox.AcceleratorError
}{
	{[]string{`could not select device driver "cdi"`}, sandbox.AcceleratorError{
		Message: "the Docker daemon does not know CDI, by which it was asked for the devices",
		Remedy:  "use Docker Engine 28.2 or later, or set `\"features\": {\"cdi\": true}` in /etc/docker/daemon.json (from 25.0) and restart Docker"}},
	{[]string{"could not select device driver"}, sandbox.AcceleratorError{Message: noToolkit, Remedy: installToolkit}},
	{[]string{"unknown runtime specified nvidia"}, sandbox.AcceleratorError{Message: noToolkit, Remedy: installToolkit}},
	{[]string{"invalid runtime name: nvidia"}, sandbox.AcceleratorError{Message: noToolkit, Remedy: installToolkit}},
	{[]string{"unresolvable cdi devices"}, sandbox.AcceleratorError{Remedy: generateCDI, Stale: true}},
	{[]string{"cdi device injection failed", "/dev/nvidia-uvm", "no such file"}, sandbox.AcceleratorError{
		Message: "nvidia-uvm is not loaded",
		Remedy:  "run `sudo nvidia-modprobe -u -c 0`, which loads the module and makes the node"}},
	{[]string{"cdi device injection failed"}, sandbox.AcceleratorError{Remedy: generateCDI}},
	{[]string{"nvidia-container-cli", "unknown device"}, sandbox.AcceleratorError{Stale: true,
		Remedy: "run `drydock devices`: the GPU was lost, or partitioned anew"}},
	{[]string{"unsatisfied condition", "cuda"}, sandbox.AcceleratorError{
		Remedy: "the image needs a newer NVIDIA driver than this machine has: upgrade the driver, or use an image of an older CUDA"}},
	{[]string{"nvidia-container-cli"}, sandbox.AcceleratorError{
		Remedy: "run `nvidia-smi`: the toolkit is there, and the driver is not (or not loaded)"}},
	{[]string{"error gathering device information"}, sandbox.AcceleratorError{Stale: true,
		Remedy: "run `drydock devices` to see what this machine has"}},
}

// deviceFailure recognises a failure for the sake of a container's devices;
// nil: it is another.
func deviceFailure(message string) *sandbox.AcceleratorError {
	lower := strings.ToLower(message)
	for _, entry := range deviceWords {
		if !containsAll(lower, entry.words) {
			continue
		}
		e := entry.said
		if e.Message == "" {
			e.Message = plain(message)
		} else {
			e.Message = fmt.Sprintf("%s (it says: %s)", e.Message, plain(message))
		}
		return &e
	}
	return nil
}
