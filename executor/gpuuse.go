// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"drydock/gpu"
	"drydock/gpu/discover"
	"drydock/gpu/health"
	"drydock/gpu/usage"
	"drydock/resources"
	"drydock/sandbox"
)

// GPUUse is what an attempt's devices were used for at a moment, and what
// their driver reported of them.
type GPUUse = usage.Sample

// useEvery is how often devices are looked at: opening the driver's files a
// few times a second would cost the task more than it tells.
const useEvery = time.Second

// followDevices records what an attempt's devices are used for, and tells it,
// until the function it returns is called. Looking never keeps an attempt
// from running: where nothing can be known, the record says why.
func (r *run) followDevices(dir string, inv gpu.Inventory, held *sandbox.Accelerators) (stop func()) {
	if held == nil || len(held.IDs) == 0 {
		return func() {}
	}
	ids := make([]gpu.ID, len(held.IDs))
	for i, id := range held.IDs {
		ids[i] = gpu.ID(id)
	}
	recorder, err := usage.Create(dir, r.id, usage.Of(inv, ids), useEvery)
	return r.record(recorder, err)
}

// resumeDevices goes on with what another process recorded of an attempt that
// runs; of one without devices there is nothing.
func (r *run) resumeDevices(dir string) (stop func()) {
	recorder, err := usage.Open(dir, r.id, useEvery)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}
	}
	return r.record(recorder, err)
}

func (r *run) record(recorder *usage.Recorder, err error) (stop func()) {
	if err != nil {
		r.warnUnseen(err)
		return func() {}
	}
	var ids []gpu.ID
	for _, d := range recorder.Devices {
		ids = append(ids, d.ID)
	}
	// Not the attempt's context: it goes on through the grace period.
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.recordLooks(recorder, r.x.watchDevices(ctx, ids)) }() // ends with ctx
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.warnUnseen(err)
		}
	}
}

// recordLooks returns the first error; the looks are read to their end.
func (r *run) recordLooks(recorder *usage.Recorder, looks <-chan gpu.Look) error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for look := range looks {
		sample, err := recorder.Add(look)
		keep(err)
		for _, x := range look.XIDs {
			if r.x.marks != "" {
				keep(health.Add(r.x.marks, x, look.Time))
			}
		}
		if !sample.Empty() {
			r.emitter.emit(Event{Type: EventGPU, Time: sample.Time, GPU: &sample})
		}
	}
	keep(recorder.Close())
	return first
}

// deviceUse sums up what was recorded in an attempt's directory.
func deviceUse(dir string) []usage.Summary {
	record, err := usage.Read(dir)
	if err != nil { // most often: it had none
		return nil
	}
	return record.Sum()
}

func (r *run) warnUnseen(err error) {
	r.warn(resources.Warning{Field: "gpu", Code: codeNotRecorded,
		Text: fmt.Sprintf("what the task's devices were used for was not recorded in full: %v", err)})
}

// watchDevices looks at devices until ctx ends.
func (x *Executor) watchDevices(ctx context.Context, ids []gpu.ID) <-chan gpu.Look {
	if x.config.DeviceUse != nil {
		return x.config.DeviceUse(ctx, ids)
	}
	return discover.Watch(ctx, discover.Options{}, ids, useEvery)
}

// marked lays over an inventory what is remembered of its GPUs.
func (x *Executor) marked(find func(context.Context) gpu.Inventory) func(context.Context) gpu.Inventory {
	if x.marks == "" {
		return find
	}
	return func(ctx context.Context) gpu.Inventory { return health.Apply(x.marks, find(ctx)) }
}
