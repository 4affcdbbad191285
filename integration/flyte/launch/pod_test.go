// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"testing"
	"time"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
)

// podTask is a task with a pod template as flyte-sdk's task_serde.py writes it.
func podTask(t testing.TB, spec string) *core.TaskTemplate {
	return &core.TaskTemplate{
		Id: &core.Identifier{Name: "env.work"}, Type: "python", Config: map[string]string{primaryKey: "primary"},
		Target: &core.TaskTemplate_K8SPod{K8SPod: &core.K8SPod{PodSpec: structOf(t, spec)}},
	}
}

func TestPodTarget(t *testing.T) {
	tt := podTask(t, `{
		"terminationGracePeriodSeconds": 3, "nodeSelector": {"a": "b"}, "tolerations": [],
		"containers": [{"name": "primary", "image": "img:2", "command": [], "args": ["a0", "--inputs", "{{.input}}"],
			"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}, {"name": "A", "value": "2"}],
			"volumeMounts": [{"name": "v"}], "securityContext": {"privileged": true},
			"resources": {"requests": {"cpu": 1, "memory": "64Mi", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "2"}}}]}`)
	got, err := newBench(t, nil, nil).targetOf(tt)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []string{"a0", "--inputs", "{{.input}}"}, got.args)
	diff(t, "img:2", got.image)
	diff(t, 3*time.Second, got.grace)
	diff(t, pairs("A", "1", "A", "2"), got.env)
	diff(t, resources.Wire{
		Requests: []resources.Entry{{Name: "CPU", Value: "1"}, {Name: "EPHEMERAL_STORAGE", Value: "1Gi"}, {Name: "MEMORY", Value: "64Mi"}},
		Limits:   []resources.Entry{{Name: "CPU", Value: "2"}},
	}, got.resources)
	diff(t, []string{
		"the variable B of the pod template is not set: its value comes from the cluster",
		"of the pod template this is not used here: nodeSelector, securityContext of container primary, volumeMounts of container primary",
	}, got.notes)
}

func TestPodRefusals(t *testing.T) {
	for _, tc := range []struct{ name, spec, code, words string }{
		{"sidecar", `{"containers": [{"name": "primary", "args": ["a0"]}, {"name": "db"}]}`, codeBadTask, "(db)"},
		{"init", `{"containers": [{"name": "primary", "args": ["a0"]}], "initContainers": [{"name": "prepare"}]}`, codeBadTask, "(prepare)"},
		{"no primary", `{"containers": [{"name": "other", "args": ["a0"]}]}`, codeBadTask, `"primary"`},
		{"no command", `{"containers": [{"name": "primary"}]}`, codeBadTask, "no program"},
		{"device plugin", `{"containers": [{"name": "primary", "args": ["a0"], "resources": {"limits": {"smarter-devices/fuse": "1"}}}]}`, codeNoAccelerator, "smarter-devices/fuse"},
		{"no spec", `{"containers": 3}`, codeBadTask, "no Kubernetes PodSpec"},
		{"odd quantity", `{"containers": [{"name": "primary", "args": ["a0"], "resources": {"limits": {"cpu": true}}}]}`, codeBadTask, "no quantity"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := newBench(t, nil, nil).targetOf(podTask(t, tc.spec))
			refused(t, err, tc.code, tc.words)
		})
	}
}

// A template that names no primary container means its first one.
func TestPodWithoutPrimaryName(t *testing.T) {
	tt := podTask(t, `{"containers": [{"name": "any", "args": ["a0"]}]}`)
	tt.Config = nil
	got, err := newBench(t, nil, nil).targetOf(tt)
	if err != nil || len(got.args) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	tt.GetK8SPod().PodSpec = structOf(t, `{"terminationGracePeriodSeconds": 0, "containers": [{"name": "any", "args": ["a0"]}]}`)
	if got, err := newBench(t, nil, nil).targetOf(tt); err != nil || got.grace >= 0 {
		t.Errorf("no grace period: %v, %v", got.grace, err)
	}
	tt.GetK8SPod().PrimaryContainerName = "none"
	if _, err := newBench(t, nil, nil).targetOf(tt); err == nil {
		t.Error("a primary container that is not there is taken")
	}
}

func TestSharedMemoryElsewhere(t *testing.T) {
	spec := taskOf("a0").TaskTemplate
	spec.ExtendedResources = &core.ExtendedResources{SharedMemory: &core.SharedMemory{MountPath: "/mnt/shm", SizeLimit: "1Gi"}}
	spec.Metadata = &core.TaskMetadata{PodTemplateName: "gpu-nodes"}
	got, err := newBench(t, nil, nil).targetOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []string{`the cluster's pod template "gpu-nodes" is not used: there is none here`, "shared memory is at /dev/shm here, not at /mnt/shm"}, got.notes)
	if got.resources.SharedMemory == nil || *got.resources.SharedMemory != "1Gi" {
		t.Error("the size is lost")
	}
}
