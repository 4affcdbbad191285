// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package nvml

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/gpus"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"

	"drydock/gpu"
	"drydock/gpu/discover"
)

// used sets what a simulated GPU is used for.
func used(d *server.Device, bytes uint64, percent uint32, pids ...uint32) {
	d.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) {
		return nvml.Memory_v2{Total: d.MemoryInfo.Total, Used: bytes}, nvml.SUCCESS
	}
	d.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) {
		return nvml.Utilization{Gpu: percent}, nvml.SUCCESS
	}
	d.GetComputeRunningProcessesFunc = processes(pids...)
}

// event is what a simulated driver has to tell, once each.
type event struct {
	of  nvml.Device
	xid uint64
	gi  uint32
}

// hears has a box of watched GPUs tell events, and then nothing for ever.
func hears(s *server.Server, registered *[]string, events ...event) {
	for i := range s.Devices {
		d := device(s, i)
		d.IsMigDeviceHandleFunc = func() (bool, nvml.Return) { return false, nvml.SUCCESS }
		d.GetSupportedEventTypesFunc = func() (uint64, nvml.Return) { return nvml.EventTypeXidCriticalError | 1, nvml.SUCCESS }
		d.RegisterEventsFunc = func(kinds uint64, _ nvml.EventSet) nvml.Return {
			if kinds != nvml.EventTypeXidCriticalError {
				return nvml.ERROR_INVALID_ARGUMENT
			}
			*registered = append(*registered, d.UUID)
			return nvml.SUCCESS
		}
	}
	var mu sync.Mutex
	set := &mock.EventSet{
		FreeFunc: func() nvml.Return { return nvml.SUCCESS },
		WaitFunc: func(uint32) (nvml.EventData, nvml.Return) {
			mu.Lock()
			defer mu.Unlock()
			if len(events) == 0 {
				return nvml.EventData{}, nvml.ERROR_TIMEOUT
			}
			e := events[0]
			events = events[1:]
			return nvml.EventData{Device: e.of, EventType: nvml.EventTypeXidCriticalError, EventData: e.xid, GpuInstanceId: e.gi}, nvml.SUCCESS
		},
	}
	s.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) { return set, nvml.SUCCESS }
}

// looks watches until so many looks at devices are there, and returns all.
func looks(t *testing.T, lib nvml.Interface, n int, ids ...gpu.ID) []gpu.Look {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var out bytes.Buffer
	count := 0
	w := writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte(`"uses"`)) {
			if count++; count == n {
				stop()
			}
		}
		return out.Write(p)
	})
	if err := Watch(ctx, lib, discover.WatchRequest{Every: time.Millisecond, IDs: ids}, w); err != nil {
		t.Fatal(err)
	}
	if n > 0 && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Fatalf("%d looks in a minute", count)
	}
	var all []gpu.Look
	for line := range strings.Lines(out.String()) {
		var l gpu.Look
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("it writes %q: %v", line, err)
		}
		all = append(all, l)
	}
	return all
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func xidsOf(all []gpu.Look) []gpu.XID {
	var xids []gpu.XID
	for _, l := range all {
		xids = append(xids, l.XIDs...)
	}
	return xids
}

// What GPUs are used for, and only of those that are asked about.
func TestWatchUse(t *testing.T) {
	s := boxOf(gpus.Multiple(3, gpus.H100_SXM5_80GB)...)
	var registered []string
	hears(s, &registered)
	for i := range 3 {
		used(device(s, i), uint64(i)<<30, uint32(10*i), uint32(100+i))
	}
	all := looks(t, s, 2, "GPU-2", "GPU-1")
	if len(all) < 2 || len(all[0].Uses) != 2 || all[0].Time.IsZero() {
		t.Fatalf("it looks %+v", all)
	}
	u := all[0].Uses[0]
	if u.ID != "GPU-2" || *u.Used != 2<<30 || *u.Busy != 0.2 || *u.Memory != 80<<30 || len(u.Processes) != 1 || u.Processes[0].PID != 102 || *u.Processes[0].Memory != 1<<30 {
		t.Errorf("GPU-2 is used for %+v", u)
	}
	if !slices.Equal(registered, []string{"GPU-2", "GPU-1"}) {
		t.Errorf("errors are asked for of %v", registered)
	}
}

// Case 42 and 39, as a driver tells them: also of a GPU that is lost with it.
func TestWatchXID(t *testing.T) {
	s := boxOf(gpus.Multiple(2, gpus.H100_SXM5_80GB)...)
	for i := range 2 {
		used(device(s, i), 0, 0)
	}
	var registered []string
	hears(s, &registered, event{device(s, 0), 31, nowhere}, event{device(s, 1), 79, nowhere})
	ask := device(s, 1).GetUUIDFunc
	gone := false
	device(s, 1).GetUUIDFunc = func() (string, nvml.Return) {
		if gone {
			return "", nvml.ERROR_GPU_IS_LOST
		}
		gone = true // after it was registered
		return ask()
	}
	got := xidsOf(looks(t, s, 3, "GPU-0", "GPU-1"))
	if len(got) != 2 || got[0].GPU != "GPU-0" || got[0].Code != 31 || !got[0].ByProgram() || !slices.Equal(got[0].Of, []gpu.ID{"GPU-0"}) {
		t.Errorf("it hears %+v", got)
	}
	if len(got) == 2 && (got[1].GPU != "GPU-1" || got[1].Code != 79 || got[1].ByProgram()) {
		t.Errorf("of the lost one it hears %+v", got[1])
	}
}

// Errors are a whole GPU's: of several MIG devices on it, each has its own,
// and all have what is of none.
func TestWatchMIG(t *testing.T) {
	s := boxOf(gpus.H100_SXM5_80GB)
	used(device(s, 0), 0, 0)
	var registered []string
	hears(s, &registered, event{device(s, 0), 13, 3}, event{device(s, 0), 31, 9}, event{device(s, 0), 48, nowhere})
	part := func(uuid string, gi int) *mock.Device {
		m := &mock.Device{
			GetUUIDFunc:           func() (string, nvml.Return) { return uuid, nvml.SUCCESS },
			GetGpuInstanceIdFunc:  func() (int, nvml.Return) { return gi, nvml.SUCCESS },
			IsMigDeviceHandleFunc: func() (bool, nvml.Return) { return true, nvml.SUCCESS },
			GetMemoryInfo_v2Func: func() (nvml.Memory_v2, nvml.Return) {
				return nvml.Memory_v2{Total: 10 << 30, Used: 1 << 30}, nvml.SUCCESS
			},
			GetUtilizationRatesFunc:                func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{}, nvml.ERROR_NOT_SUPPORTED },
			GetDeviceHandleFromMigDeviceHandleFunc: func() (nvml.Device, nvml.Return) { return device(s, 0), nvml.SUCCESS },
		}
		idle(m)
		return m
	}
	parts := map[string]nvml.Device{"MIG-a": part("MIG-a", 3), "MIG-b": part("MIG-b", 4)}
	s.DeviceGetHandleByUUIDFunc = func(uuid string) (nvml.Device, nvml.Return) {
		if m, ok := parts[uuid]; ok {
			return m, nvml.SUCCESS
		}
		return nil, nvml.ERROR_NOT_FOUND
	}
	all := looks(t, s, 3, "MIG-a", "MIG-b", "MIG-gone")
	first := slices.IndexFunc(all, func(l gpu.Look) bool { return len(l.Uses) > 0 }) // what is heard may come before
	if u := all[first].Uses; *u[0].Used != 1<<30 || u[0].Busy != nil || u[2].Problem != "not found" {
		t.Errorf("it looks %+v", u)
	}
	if !slices.Equal(registered, []string{"GPU-0"}) {
		t.Errorf("errors are asked for of %v, want the GPU once", registered)
	}
	got := xidsOf(all)
	if len(got) != 3 || !slices.Equal(got[0].Of, []gpu.ID{"MIG-a"}) || len(got[1].Of) != 0 || !slices.Equal(got[2].Of, []gpu.ID{"MIG-a", "MIG-b"}) {
		t.Errorf("it hears %+v", got)
	}
}

// A library that has only what an old one has is asked for nothing else, and
// what is not to be had is said.
func TestWatchOldLibrary(t *testing.T) {
	s := boxOf(gpus.H100_SXM5_80GB)
	s.LookupSymbolFunc = func(name string) error {
		if name == "nvmlDeviceGetHandleByUUID" || name == "nvmlDeviceGetMemoryInfo" {
			return nil
		}
		return errors.New("undefined symbol: " + name)
	}
	plain := &mock.Device{GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 8, Used: 3}, nvml.SUCCESS }}
	s.DeviceGetHandleByUUIDFunc = func(string) (nvml.Device, nvml.Return) { return plain, nvml.SUCCESS }
	all := looks(t, s, 1, "GPU-0")
	i := slices.IndexFunc(all, func(l gpu.Look) bool { return len(l.Uses) > 0 })
	if u := all[i].Uses[0]; *u.Used != 3 || *u.Memory != 8 || u.Busy != nil || u.Processes != nil {
		t.Errorf("it looks %+v", u)
	}
	if !slices.ContainsFunc(all, func(l gpu.Look) bool { return l.Problem == "no XIDs are heard: the driver library has no events" }) {
		t.Errorf("it says %+v", all)
	}
	s.LookupSymbolFunc = func(name string) error { return errors.New("undefined symbol: " + name) }
	for _, l := range looks(t, s, 1, "GPU-0") {
		if len(l.Uses) > 0 && !strings.Contains(l.Uses[0].Problem, "lacks nvmlDeviceGetHandleByUUID") {
			t.Errorf("without any function it looks %+v", l)
		}
	}
}

func TestWatchUnready(t *testing.T) {
	lib := &mock.Interface{InitFunc: func() nvml.Return { return nvml.ERROR_DRIVER_NOT_LOADED }}
	all := looks(t, lib, 0, "GPU-0")
	if len(all) != 1 || all[0].Problem != "no NVIDIA GPU available: the NVIDIA kernel module is not loaded" {
		t.Errorf("it says %+v", all)
	}
}

// What ends the events ends them alone, and once.
func TestWatchDeaf(t *testing.T) {
	s := boxOf(gpus.H100_SXM5_80GB)
	used(device(s, 0), 0, 0)
	var registered []string
	hears(s, &registered)
	set := &mock.EventSet{
		FreeFunc: func() nvml.Return { return nvml.SUCCESS },
		WaitFunc: func(uint32) (nvml.EventData, nvml.Return) { return nvml.EventData{}, nvml.ERROR_GPU_IS_LOST },
	}
	s.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) { return set, nvml.SUCCESS }
	said := 0
	for _, l := range looks(t, s, 20, "GPU-0") {
		if l.Problem == "no XIDs are heard any more: the GPU is lost: it fell off the bus" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("it says %d times that no events come any more", said)
	}
}
