// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"drydock/gpu"
	"drydock/resources"
	"drydock/sandbox"
)

// codeAccelerator is the code of warnings that have to do with devices.
const codeAccelerator = "accelerator"

// give completes an attempt's spec with its devices, and tells what a person
// must know of them.
func (r *run) give(spec *sandbox.Spec, p place) {
	if p.accelerators == nil {
		return
	}
	for _, note := range p.accelerators.Notes {
		r.warnOnce(note)
	}
	if spec.Accelerators = p.devices; p.devices == nil {
		return
	}
	spec.Env = slices.DeleteFunc(spec.Env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		if _, own := r.task.Env[name]; own && protected(name) {
			r.warnOnce(fmt.Sprintf("the task's own %s is left out: which devices it sees is what it was given", name))
		}
		return protected(name)
	})
}

// protected reports whether a variable says which devices a program sees, or
// how a container's runtime maps them: a task's or a caller's value of it would
// undo what was given. (NVIDIA's toolkit reads the limits of memory, too, and
// with cgroup v1 fails the start for them.)
func protected(name string) bool {
	return slices.Contains([]string{"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "CUDA_VISIBLE_DEVICES", "AMD_VISIBLE_DEVICES",
		"HABANA_VISIBLE_DEVICES", "AWS_NEURON_VISIBLE_DEVICES", gpu.IDsVariable}, name) || strings.HasPrefix(name, "NVIDIA_GPU_MEMORY_")
}

// warnOnce warns of something about devices, of which the next attempt would
// say the same.
func (r *run) warnOnce(text string) {
	w := resources.Warning{Field: "gpu", Code: codeAccelerator, Text: text}
	if !slices.Contains(r.result.Warnings, w) {
		r.warn(w)
	}
}

// checkPlatform refuses an image for another processor: it would run in
// emulation, in which no driver of a device works. platform is os/arch[/variant];
// "" is not known.
func checkPlatform(image, platform string) error {
	words := strings.Split(platform, "/")
	if len(words) < 2 || words[1] == runtime.GOARCH {
		return nil
	}
	e := refuse(nil, "use an image for linux/"+runtime.GOARCH, "accelerator: the image %s is for %s and this machine is linux/%s: its devices cannot be used in emulation",
		image, platform, runtime.GOARCH)
	e.code = CodeAcceleratorNotAvailable
	return e
}

// stale reports whether a device was gone when it was to be used.
func stale(err error) bool {
	e, ok := errors.AsType[*sandbox.AcceleratorError](err)
	return ok && e.Stale
}

// notAvailable is why devices are not to be had, and what was asked for where
// the machine's own trouble does not say it.
func notAvailable(e *gpu.RefusalError) string {
	if strings.Contains(e.Text, cmp.Or(e.Asked.Device, "request")) {
		return e.Error()
	}
	return fmt.Sprintf("%v; the task asks for %v", e, e.Asked)
}

// noDevices is a start that failed because the engine could not pass the
// devices: the machine's set-up, which another try does not mend.
func (e *evidence) noDevices() bool { return e.o.StartError.Accelerator() != nil }

func noDevices(e *evidence) Verdict {
	s := e.o.StartError
	v := Verdict{Class: Refused, Code: CodeAcceleratorNotAvailable, Kind: KindSystem, Message: "accelerator: " + s.Message}
	if s.Remedy != "" {
		v.Hints = []string{s.Remedy}
	}
	return v
}
