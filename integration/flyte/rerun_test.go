// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/resources"
)

// An action becomes a run of its own: the same task with other resources, the
// same inputs, and no cache.
func TestRerun(t *testing.T) {
	s := start(t, testConfig(t, newFakeLauncher()))
	spec := taskSpec("ok")
	spec.TaskTemplate.Metadata = &core.TaskMetadata{Discoverable: true, DiscoveryVersion: "1"}
	spec.TaskTemplate.GetContainer().Resources = &core.Resources{Limits: []*core.Resources_ResourceEntry{{Name: core.Resources_MEMORY, Value: "1Gi"}}}
	createRunOf(t, s, "first", spec)
	first := engine.RunID{Project: "demo", Domain: "development", Name: "first"}
	newsUntil(t, s, first, NewsOver)
	before, err := s.parts.engine.Action(engine.ActionID{Run: first, Name: engine.RootAction})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(s.listener.Addr().String())
	defer c.Close()
	id, err := c.Rerun(t.Context(), Rerun{TaskID: before.Last().TaskID, Memory: [2]string{"2Gi", "3Gi"}})
	if err != nil || id.Name == "" || id.Name == "first" || id.Project != "demo" {
		t.Fatalf("%v, %v", id, err)
	}
	newsUntil(t, s, id, NewsOver)
	after, err := s.parts.engine.Action(engine.ActionID{Run: id, Name: engine.RootAction})
	if err != nil {
		t.Fatal(err)
	}
	want := proto.Clone(before.Task.GetSpec())
	tt := after.Task.GetSpec().GetTaskTemplate()
	if r := tt.GetContainer().GetResources(); len(r.Requests) != 1 || r.Requests[0].Value != "2Gi" || len(r.Limits) != 1 || r.Limits[0].Value != "3Gi" {
		t.Errorf("the resources are %v", r)
	}
	if tt.GetMetadata().GetDiscoverable() || len(after.Attempts) != 1 || after.InputURI != before.InputURI {
		t.Errorf("it is %+v", after)
	}
	if !proto.Equal(want, before.Task.GetSpec()) {
		t.Error("the first run's task was changed")
	}
	for name, order := range map[string]Rerun{
		"no such task": {TaskID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		"half a pair":  {TaskID: before.Last().TaskID, CPU: [2]string{"1", ""}},
	} {
		if id, err := c.Rerun(t.Context(), order); err == nil {
			t.Errorf("%s: %v", name, id)
		}
	}
	res, err := http.Post(s.url()+controlPrefix+"rerun", "text/plain", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("another type: %s", res.Status)
	}
}

// Each resource of an order takes the place of the task's own, and no other.
func TestRerunResources(t *testing.T) {
	entry := func(name core.Resources_ResourceName, value string) *core.Resources_ResourceEntry {
		return &core.Resources_ResourceEntry{Name: name, Value: value}
	}
	cpu, memory := entry(core.Resources_CPU, "1"), entry(core.Resources_MEMORY, "1Gi")
	disk, gpu := entry(core.Resources_EPHEMERAL_STORAGE, "1Gi"), entry(core.Resources_GPU, "1")
	before := func() *task.TaskSpec {
		spec := taskSpec("ok")
		spec.TaskTemplate.GetContainer().Resources = proto.Clone(&core.Resources{Requests: []*core.Resources_ResourceEntry{cpu, memory, disk, gpu},
			Limits: []*core.Resources_ResourceEntry{memory, disk, gpu}}).(*core.Resources)
		spec.TaskTemplate.ExtendedResources = &core.ExtendedResources{GpuAccelerator: &core.GPUAccelerator{Device: "nvidia-tesla-a100"},
			SharedMemory: &core.SharedMemory{MountName: "own", SizeLimit: "1Gi"}}
		return spec
	}
	for name, tc := range map[string]struct {
		order            Rerun
		requests, limits []*core.Resources_ResourceEntry
		device, shm      string
	}{
		"nothing":  {Rerun{}, []*core.Resources_ResourceEntry{cpu, memory, disk, gpu}, []*core.Resources_ResourceEntry{memory, disk, gpu}, "nvidia-tesla-a100", "1Gi"},
		"disk":     {Rerun{Disk: "2Gi"}, []*core.Resources_ResourceEntry{cpu, memory, entry(core.Resources_EPHEMERAL_STORAGE, "2Gi"), gpu}, []*core.Resources_ResourceEntry{memory, gpu}, "nvidia-tesla-a100", "1Gi"},
		"shm":      {Rerun{Shm: "2Gi"}, []*core.Resources_ResourceEntry{cpu, memory, disk, gpu}, []*core.Resources_ResourceEntry{memory, disk, gpu}, "nvidia-tesla-a100", "2Gi"},
		"shm auto": {Rerun{Shm: "auto"}, []*core.Resources_ResourceEntry{cpu, memory, disk, gpu}, []*core.Resources_ResourceEntry{memory, disk, gpu}, "nvidia-tesla-a100", ""},
		"no gpu":   {Rerun{Devices: "0"}, []*core.Resources_ResourceEntry{cpu, memory, disk}, []*core.Resources_ResourceEntry{memory, disk}, "", "1Gi"},
		"any gpu":  {Rerun{Devices: "2"}, []*core.Resources_ResourceEntry{cpu, memory, disk, entry(core.Resources_GPU, "2")}, []*core.Resources_ResourceEntry{memory, disk}, "", "1Gi"},
		"a type": {Rerun{Devices: "2", Accelerator: &resources.WireAccelerator{Device: "nvidia-tesla-h100"}},
			[]*core.Resources_ResourceEntry{cpu, memory, disk, entry(core.Resources_GPU, "2")}, []*core.Resources_ResourceEntry{memory, disk}, "nvidia-tesla-h100", "1Gi"},
	} {
		spec, err := again(before(), tc.order)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tt := spec.GetTaskTemplate()
		want := &core.Resources{Requests: tc.requests, Limits: tc.limits}
		if got := tt.GetContainer().GetResources(); !proto.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		x := tt.GetExtendedResources()
		if x.GetGpuAccelerator().GetDevice() != tc.device || x.GetSharedMemory().GetSizeLimit() != tc.shm || x.GetSharedMemory().GetMountName() != "own" {
			t.Errorf("%s: got %v", name, x)
		}
	}
	if _, err := again(&task.TaskSpec{TaskTemplate: &core.TaskTemplate{}}, Rerun{Disk: "1Gi"}); err == nil || !strings.Contains(err.Error(), "pod template") {
		t.Errorf("of a pod template: %v", err)
	}
}
