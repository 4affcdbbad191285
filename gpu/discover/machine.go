// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"drydock/gpu"
	"drydock/gpu/sysfs"
	"drydock/resources"
)

// Options change where Machine looks. The zero value is this machine.
type Options struct {
	Root   string        // of the files that are read; "" is /
	Reader []string      // the program that reads NVIDIA's library (see HandOver), its arguments go behind; nil finds it
	SMI    string        // nvidia-smi; "" finds it
	Limit  time.Duration // for each command; 0 is DefaultLimit
}

// Machine finds all accelerators. It does not fail: what is not known, and
// why, is one of the inventory's problems.
func Machine(ctx context.Context, o Options) gpu.Inventory {
	o = o.complete()
	inv := onPlatform(o.Root, o.nvidia(ctx))
	for _, read := range []func(string) gpu.Inventory{sysfs.TPU, sysfs.Neuron, sysfs.AMD, sysfs.Gaudi} {
		more := read(o.Root)
		inv.Devices = append(inv.Devices, more.Devices...)
		inv.Problems = append(inv.Problems, more.Problems...)
	}
	if inv.Devices == nil {
		inv.Devices = []gpu.Device{}
	}
	return inv
}

// complete fills in what was left to this machine.
func (o Options) complete() Options {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	if o.Reader == nil {
		o.Reader = findReader()
	}
	if o.SMI == "" {
		o.SMI, _ = exec.LookPath("nvidia-smi")
	}
	return o
}

// nvidia asks the library, then nvidia-smi, then the kernel module's files.
func (o Options) nvidia(ctx context.Context) gpu.Inventory {
	inv, crashed := o.library(ctx)
	if crashed != nil {
		inv = o.fallback(ctx)
		crashed.Fatal = len(inv.Devices) == 0
		inv.Problems = append(inv.Problems, *crashed)
	}
	if len(inv.Devices) == 0 {
		if p := unbound(o.Root); p != nil { // says more than that a library is missing
			inv.Problems = []gpu.Problem{*p}
		}
	}
	owners(o.Root, inv.Devices)
	return inv
}

// library asks NVIDIA's library. crashed is why there is no answer; an answer
// that says why there is no GPU is one.
func (o Options) library(ctx context.Context) (inv gpu.Inventory, crashed *gpu.Problem) {
	if _, err := os.Stat(filepath.Join(o.Root, "proc/driver/nvidia")); o.Reader == nil && err != nil {
		return gpu.Inventory{Problems: []gpu.Problem{NoLibrary()}}, nil // nothing to ask
	}
	if o.Reader == nil {
		return inv, &gpu.Problem{Class: resources.ClassGPU, Text: "the NVIDIA library is not asked: this program has no reader for it",
			Remedy: "set DRYDOCK_BIN to the directory of drydock"}
	}
	out, err := ask(ctx, o.Limit, append(slices.Clone(o.Reader), Arg)...)
	if err == nil {
		if err = json.Unmarshal(out, &inv); err == nil {
			return inv, nil
		}
		err = fmt.Errorf("it answers what cannot be read: %w", err)
	}
	if errors.Is(err, errSilent) {
		err = fmt.Errorf("the driver did not answer within %v; a GPU may be lost", o.Limit)
	}
	return gpu.Inventory{}, &gpu.Problem{Class: resources.ClassGPU, Text: "the NVIDIA library could not be asked: " + err.Error(),
		Remedy: "see the kernel's log for NVRM messages; nvidia-smi should work first"}
}

// fallback is what can be known without the library.
func (o Options) fallback(ctx context.Context) gpu.Inventory {
	if o.SMI != "" {
		if inv, err := smi(ctx, o); err == nil {
			return inv
		}
	}
	return procfs(o.Root)
}

// NoLibrary is the problem of a machine without NVIDIA's driver.
func NoLibrary() gpu.Problem {
	return gpu.Problem{Class: resources.ClassGPU, Fatal: true,
		Text: "no NVIDIA GPU available: libnvidia-ml.so.1 not found (is the NVIDIA driver installed?)"}
}
