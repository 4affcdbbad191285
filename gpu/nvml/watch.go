// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// Watch writes a look at the devices as a line of JSON, at once and at every
// interval, and what their driver reports of them when it does, until ctx
// ends; then the last look. The error is out's.
func Watch(ctx context.Context, lib nvml.Interface, request discover.WatchRequest, out io.Writer) error {
	w := &watcher{reader: reader{lib: lib}, ids: request.IDs, out: json.NewEncoder(out)}
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return w.tell(gpu.Look{Problem: unready(ret, os.Getuid()).Text})
	}
	defer lib.Shutdown()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	heard := make(chan error, 1)
	go func() { heard <- w.listen(ctx) }()
	tick := time.NewTicker(request.Every)
	defer tick.Stop()
	for {
		if err := w.look(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err := <-heard; err != nil {
				return err
			}
			return w.look()
		}
	}
}

// watcher looks at some devices again and again.
type watcher struct {
	reader
	ids []gpu.ID

	mu  sync.Mutex // guards out: looks and errors come at any time
	out *json.Encoder
}

func (w *watcher) tell(l gpu.Look) error {
	l.Time = time.Now().UTC()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Encode(l)
}

func (w *watcher) look() error {
	var l gpu.Look
	for _, id := range w.ids {
		l.Uses = append(l.Uses, w.use(id))
	}
	return w.tell(l)
}

// find asks for the device anew each time: the handle of a MIG device dies
// with it, and another may get the same one (nvml.h).
func (w *watcher) find(id gpu.ID) (nvml.Device, string) {
	if !w.has("nvmlDeviceGetHandleByUUID") {
		return nil, "the driver library cannot find it (it lacks nvmlDeviceGetHandleByUUID)"
	}
	h, ret := w.lib.DeviceGetHandleByUUID(string(id))
	if ret != nvml.SUCCESS {
		return nil, text(ret)
	}
	return h, ""
}

func (w *watcher) use(id gpu.ID) gpu.Use {
	u := gpu.Use{ID: id}
	h, problem := w.find(id)
	if h == nil {
		u.Problem = problem
		return u
	}
	w.memoryOf(&u, h)
	if w.has("nvmlDeviceGetUtilizationRates") {
		if rates, ret := h.GetUtilizationRates(); ret == nvml.SUCCESS { // not supported: a MIG device
			busy := float64(rates.Gpu) / 100
			u.Busy = &busy
		}
	}
	u.Processes = w.processes(h)
	return u
}

// memoryOf prefers the call that leaves out what the driver keeps for itself.
// A GPU that shares the machine's memory tells of processes only.
func (w *watcher) memoryOf(u *gpu.Use, h nvml.Device) {
	if w.has("nvmlDeviceGetMemoryInfo_v2") {
		if m, ret := h.GetMemoryInfo_v2(); ret == nvml.SUCCESS {
			u.Memory, u.Used = size(m.Total), size(m.Used)
			return
		}
	}
	if !w.has("nvmlDeviceGetMemoryInfo") {
		return
	}
	switch m, ret := h.GetMemoryInfo(); ret {
	case nvml.SUCCESS:
		u.Memory, u.Used = size(m.Total), size(m.Used)
	case nvml.ERROR_NOT_SUPPORTED:
	default:
		u.Problem = "its memory cannot be read: " + text(ret)
	}
}

func (w *watcher) cannotHear(why string, a ...any) error {
	return w.tell(gpu.Look{Problem: "no XIDs are heard: " + fmt.Sprintf(why, a...)})
}
