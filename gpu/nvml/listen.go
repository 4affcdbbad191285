// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"context"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"drydock/gpu"
)

const (
	// waitMillis is how long one wait for an event lasts, lastMillis the one
	// after the end: errors come before the program that made them is gone. An
	// event that comes while nobody waits is kept for the next wait.
	waitMillis = 100
	lastMillis = 50
	// nowhere is a GPU instance's id in the event of a whole GPU.
	nowhere = ^uint32(0)
)

// listener hears of the errors of some GPUs.
type listener struct {
	*watcher
	set nvml.EventSet
	// of are the devices that are watched on a GPU, by its UUID.
	of map[gpu.ID][]place
	// who are the UUIDs of handles: a GPU that is lost no longer tells its own.
	who map[nvml.Device]gpu.ID
}

// place is a watched device: a GPU, or a GPU instance of one.
type place struct {
	id gpu.ID
	gi uint32 // nowhere: all of the GPU
}

// listen tells of every XID until ctx ends, and of those then that had come
// before. Where there is nothing to hear, it says why.
func (w *watcher) listen(ctx context.Context) error {
	if !w.has("nvmlEventSetCreate") || !w.has("nvmlEventSetWait", "nvmlEventSetWait_v2") || !w.has("nvmlDeviceRegisterEvents") {
		return w.cannotHear("the driver library has no events")
	}
	set, ret := w.lib.EventSetCreate()
	if ret != nvml.SUCCESS {
		return w.cannotHear("%s", text(ret))
	}
	if w.has("nvmlEventSetFree") {
		defer set.Free()
	}
	l := &listener{w, set, map[gpu.ID][]place{}, map[nvml.Device]gpu.ID{}}
	for _, id := range w.ids {
		if why := l.register(id); why != "" {
			if err := w.cannotHear("%s: %s", id, why); err != nil {
				return err
			}
		}
	}
	if len(l.of) == 0 {
		return nil
	}
	return l.wait(ctx)
}

// register has the library tell of a device's GPU. Events are a whole GPU's.
func (l *listener) register(id gpu.ID) (why string) {
	h, why := l.find(id)
	if h == nil {
		return why
	}
	parent, gi, why := l.parent(h)
	if why != "" {
		return why
	}
	uuid, ret := parent.GetUUID()
	if ret != nvml.SUCCESS {
		return text(ret)
	}
	if known := l.of[gpu.ID(uuid)]; known == nil {
		kinds := uint64(nvml.EventTypeXidCriticalError)
		if l.has("nvmlDeviceGetSupportedEventTypes") {
			if supported, ret := parent.GetSupportedEventTypes(); ret == nvml.SUCCESS {
				kinds &= supported
			}
		}
		if kinds == 0 {
			return "not supported"
		}
		if ret := parent.RegisterEvents(kinds, l.set); ret != nvml.SUCCESS {
			return text(ret)
		}
	}
	l.of[gpu.ID(uuid)] = append(l.of[gpu.ID(uuid)], place{id, gi})
	l.who[parent] = gpu.ID(uuid)
	return ""
}

// parent is the GPU of a MIG device, and the instance of it that it lies in.
func (l *listener) parent(h nvml.Device) (parent nvml.Device, gi uint32, why string) {
	if !l.has("nvmlDeviceIsMigDeviceHandle") {
		return h, nowhere, ""
	}
	if mig, ret := h.IsMigDeviceHandle(); ret != nvml.SUCCESS || !mig {
		return h, nowhere, ""
	}
	if !l.has("nvmlDeviceGetDeviceHandleFromMigDeviceHandle") {
		return nil, 0, "its GPU cannot be found"
	}
	parent, ret := h.GetDeviceHandleFromMigDeviceHandle()
	if ret != nvml.SUCCESS {
		return nil, 0, text(ret)
	}
	gi = nowhere
	if l.has("nvmlDeviceGetGpuInstanceId") {
		if id, ret := h.GetGpuInstanceId(); ret == nvml.SUCCESS {
			gi = uint32(id)
		}
	}
	return parent, gi, ""
}

func (l *listener) wait(ctx context.Context) error {
	for {
		ended, patience := ctx.Err() != nil, uint32(waitMillis) // before the wait: what had come is heard once more
		if ended {
			patience = lastMillis
		}
		e, ret := l.set.Wait(patience)
		switch {
		case ret == nvml.SUCCESS && e.EventType == nvml.EventTypeXidCriticalError:
			if err := l.heard(e); err != nil {
				return err
			}
			continue
		case ret != nvml.SUCCESS && ret != nvml.ERROR_TIMEOUT:
			return l.tell(gpu.Look{Problem: "no XIDs are heard any more: " + text(ret)})
		}
		if ended {
			return nil
		}
	}
}

func (l *listener) heard(e nvml.EventData) error {
	id, known := l.who[e.Device]
	if !known {
		uuid, ret := e.Device.GetUUID()
		if ret != nvml.SUCCESS {
			return l.cannotHear("one came of a GPU that does not tell who it is: %s", text(ret))
		}
		id = gpu.ID(uuid)
	}
	x := gpu.XID{GPU: id, Code: int(e.EventData)}
	for _, p := range l.of[x.GPU] {
		if p.gi == nowhere || e.GpuInstanceId == nowhere || p.gi == e.GpuInstanceId {
			x.Of = append(x.Of, p.id)
		}
	}
	slices.Sort(x.Of)
	return l.tell(gpu.Look{XIDs: []gpu.XID{x}})
}
