// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"context"
	"io"
	"os"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// HandOver answers for the GPUs, and ends the process, if this process was
// started to do that (see discover.HandOver). main calls it first thing.
func HandOver() {
	discover.HandOver(
		func() gpu.Inventory { return Read(nvml.New(), "/") },
		func(ctx context.Context, r discover.WatchRequest, out io.Writer) error {
			return Watch(ctx, nvml.New(), r, out)
		})
}

// Read asks the library for everything, of a machine whose files are below
// root. It never fails: what cannot be had is one of the inventory's problems.
func Read(lib nvml.Interface, root string) gpu.Inventory {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return gpu.Inventory{Devices: []gpu.Device{}, Problems: []gpu.Problem{unready(ret, os.Getuid())}}
	}
	defer lib.Shutdown()
	r := reader{lib: lib, root: root}
	return r.read()
}
