// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
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
