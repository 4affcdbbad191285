// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/resources"
)

// Rerun asks for one more run of an action, as a run of its own.
type Rerun struct {
	TaskID string `json:"task_id"` // the executor's, of an attempt of the action
	// CPU and Memory are other requests and limits of the action's; "": its own.
	CPU    [2]string `json:"cpu,omitzero"`
	Memory [2]string `json:"memory,omitzero"`
	Disk   string    `json:"disk,omitempty"` // another limit on the disk; "": its own
	Shm    string    `json:"shm,omitempty"`  // another size of /dev/shm, or "auto"; "": its own
	// Devices are so many other accelerators, of a type where Accelerator is not
	// nil; "0": none; "": its own.
	Devices     string                     `json:"devices,omitempty"`
	Accelerator *resources.WireAccelerator `json:"accelerator,omitempty"`
}

// Rerun makes a run of an action that ran before, with the code, the inputs and
// the settings of its run that it had; a cached result is not taken. It returns
// the new run. An error says what is missing.
func (c *Client) Rerun(ctx context.Context, r Rerun) (engine.RunID, error) {
	var id engine.RunID
	body, err := json.Marshal(r)
	if err != nil {
		return id, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+controlPrefix+"rerun", bytes.NewReader(body))
	if err != nil {
		return id, err
	}
	req.Header.Set("Content-Type", jsonType)
	res, err := c.http.Do(req)
	if err != nil {
		return id, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return id, errors.New(strings.TrimSpace(string(text)))
	}
	return id, json.NewDecoder(res.Body).Decode(&id)
}

const jsonType = "application/json"

// mostOrder bounds what a client may say.
const mostOrder = 64 << 10

// serveRerun serves Client.Rerun. Another site's page cannot send this type.
func (s *Server) serveRerun(w http.ResponseWriter, r *http.Request) {
	var order Rerun
	if r.Header.Get("Content-Type") != jsonType || json.NewDecoder(http.MaxBytesReader(w, r.Body, mostOrder)).Decode(&order) != nil {
		http.Error(w, "a JSON document is expected", http.StatusBadRequest)
		return
	}
	id, err := s.rerun(r.Context(), order)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		http.Error(w, "its run is not known any more (drydock prune); run the program again with drydock flyte run", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		writeJSON(w, id)
	}
}

func (s *Server) rerun(ctx context.Context, order Rerun) (engine.RunID, error) {
	a, err := s.parts.engine.OfTask(order.TaskID)
	if err != nil {
		return engine.RunID{}, err
	}
	before, err := s.parts.engine.Run(a.ID.Run)
	if err != nil {
		return engine.RunID{}, err
	}
	if a.InputURI != "" {
		there, err := (documents{s.parts.objects}).Exists(ctx, a.InputURI+"/inputs.pb")
		if err != nil {
			return engine.RunID{}, err
		}
		if !there {
			return engine.RunID{}, errors.New("its inputs are not there any more; run the program again with drydock flyte run")
		}
	}
	spec, err := again(a.Task.GetSpec(), order)
	if err != nil {
		return engine.RunID{}, err
	}
	settings := proto.Clone(before.Spec).(*task.RunSpec)
	settings.RunStartTime = nil                                            // it starts now
	id := engine.RunID{Project: a.ID.Run.Project, Domain: a.ID.Run.Domain} // a name is invented
	run, _, err := s.parts.engine.CreateRun(ctx, engine.NewRun{ID: id, TaskID: a.Task.GetId(), Task: spec, Spec: settings, InputURI: a.InputURI, Source: before.Source})
	if err != nil {
		return engine.RunID{}, err
	}
	return run.ID, nil
}

// again is a task to be run once more: what it says of its cache is left out,
// so that it runs, and its resources are those of the order.
func again(spec *task.TaskSpec, order Rerun) (*task.TaskSpec, error) {
	spec = proto.Clone(spec).(*task.TaskSpec)
	t := spec.GetTaskTemplate()
	if m := t.GetMetadata(); m != nil {
		m.Discoverable = false
	}
	if !order.changes() {
		return spec, nil
	}
	c := t.GetContainer()
	if c == nil {
		return nil, errors.New("its resources stand in a pod template, which is not changed here; change them in the program, and drydock flyte run it")
	}
	if c.Resources == nil {
		c.Resources = &core.Resources{}
	}
	r := c.Resources
	for name, values := range map[core.Resources_ResourceName][2]string{core.Resources_CPU: order.CPU, core.Resources_MEMORY: order.Memory} {
		if values == [2]string{} {
			continue
		}
		if values[0] == "" || values[1] == "" {
			return nil, fmt.Errorf("%s: a request and a limit are expected", name)
		}
		r.Requests = with(r.Requests, name, values[0])
		r.Limits = with(r.Limits, name, values[1])
	}
	if order.Disk != "" { // the SDK writes what is both once
		r.Requests = with(r.Requests, core.Resources_EPHEMERAL_STORAGE, order.Disk)
		r.Limits = without(r.Limits, core.Resources_EPHEMERAL_STORAGE)
	}
	order.extend(t, r)
	return spec, nil
}

// changes reports whether the order has other resources.
func (o Rerun) changes() bool {
	return o.CPU != [2]string{} || o.Memory != [2]string{} || o.Disk != "" || o.Shm != "" || o.Devices != ""
}

// extend changes what the SDK writes beside the container's resources.
func (o Rerun) extend(t *core.TaskTemplate, r *core.Resources) {
	if o.Shm == "" && o.Devices == "" {
		return
	}
	if t.ExtendedResources == nil {
		t.ExtendedResources = &core.ExtendedResources{}
	}
	x := t.ExtendedResources
	if o.Shm != "" {
		if x.SharedMemory == nil {
			x.SharedMemory = &core.SharedMemory{}
		}
		if x.SharedMemory.SizeLimit = o.Shm; o.Shm == string(resources.Auto) {
			x.SharedMemory.SizeLimit = ""
		}
	}
	if o.Devices == "" {
		return
	}
	r.Requests, r.Limits = without(r.Requests, core.Resources_GPU), without(r.Limits, core.Resources_GPU)
	x.GpuAccelerator = nil
	if o.Devices == "0" {
		return
	}
	r.Requests = with(r.Requests, core.Resources_GPU, o.Devices)
	if a := o.Accelerator; a != nil {
		x.GpuAccelerator = &core.GPUAccelerator{Device: a.Device, DeviceClass: core.GPUAccelerator_DeviceClass(a.Class)}
	}
}

// with sets one of the entries.
func with(entries []*core.Resources_ResourceEntry, name core.Resources_ResourceName, value string) []*core.Resources_ResourceEntry {
	for _, e := range entries {
		if e.GetName() == name {
			e.Value = value
			return entries
		}
	}
	return append(entries, &core.Resources_ResourceEntry{Name: name, Value: value})
}

func without(entries []*core.Resources_ResourceEntry, name core.Resources_ResourceName) []*core.Resources_ResourceEntry {
	return slices.DeleteFunc(entries, func(e *core.Resources_ResourceEntry) bool { return e.GetName() == name })
}
