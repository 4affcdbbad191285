// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/resources"
	"drydock/sandbox"
)

// podSpec is what of a Kubernetes PodSpec matters here; what else is set is
// named in a note.
type podSpec struct {
	Containers     []podContainer `json:"containers"`
	InitContainers []podContainer `json:"initContainers"`
	Grace          *int64         `json:"terminationGracePeriodSeconds"`
}

type podContainer struct {
	Name      string   `json:"name"`
	Image     string   `json:"image"`
	Pull      string   `json:"imagePullPolicy"`
	Command   []string `json:"command"`
	Args      []string `json:"args"`
	Env       []podEnv `json:"env"`
	Resources struct {
		Requests map[string]quantity `json:"requests"`
		Limits   map[string]quantity `json:"limits"`
	} `json:"resources"`
}

type podEnv struct {
	Name      string          `json:"name"`
	Value     string          `json:"value"`
	ValueFrom json.RawMessage `json:"valueFrom"`
}

// quantity is a Kubernetes quantity, which may be written as a number.
type quantity string

func (q *quantity) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*q = quantity(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(data, &number); err != nil {
		return fmt.Errorf("%s is no quantity", data)
	}
	*q = quantity(number)
	return nil
}

// primaryKey is where the SDK writes the primary container's name (flyte-sdk
// _pod.py).
const primaryKey = "primary_container_name"

// podTarget is the primary container of a task's pod. The SDK has merged the
// task's own arguments, environment and resources into it already.
func podTarget(t *core.TaskTemplate) (target, error) {
	name := t.GetId().GetName()
	data, err := t.GetK8SPod().GetPodSpec().MarshalJSON()
	if err != nil {
		return target{}, refuse(codeBadTask, "the pod template of task %s cannot be read (%v); deploy it again", name, err)
	}
	var pod podSpec
	if err := json.Unmarshal(data, &pod); err != nil {
		return target{}, refuse(codeBadTask, "the pod template of task %s is no Kubernetes PodSpec (%v); correct it", name, err)
	}
	primary, err := pod.primary(name, t.GetK8SPod().GetPrimaryContainerName(), t.GetConfig()[primaryKey])
	if err != nil {
		return target{}, err
	}
	out, err := primary.target(name)
	if err != nil {
		return target{}, err
	}
	if pod.Grace != nil {
		out.grace = time.Duration(*pod.Grace) * time.Second
		if *pod.Grace <= 0 {
			out.grace = -1 // as the executor writes "at once"
		}
	}
	out.notes = append(out.notes, unheeded(data, primary.Name)...)
	return out, nil
}

// primary picks the container that is the task. The rest of a pod cannot be
// had here, and a task that counts on it would fail in a way nobody expects.
func (p podSpec) primary(task string, names ...string) (podContainer, error) {
	var primary *podContainer
	var others []string
	name := ""
	for _, n := range names {
		if name == "" {
			name = n
		}
	}
	for i, c := range p.Containers {
		if primary == nil && (c.Name == name || name == "") {
			primary = &p.Containers[i]
		} else {
			others = append(others, c.Name)
		}
	}
	for _, c := range p.InitContainers {
		others = append(others, c.Name)
	}
	if primary == nil {
		return podContainer{}, refuse(codeBadTask, "the pod template of task %s has no primary container %q; name one with primary_container_name", task, name)
	}
	if len(others) > 0 {
		return podContainer{}, refuse(codeBadTask, "the pod template of task %s has further containers (%s), and drydock runs only the primary one, %s; leave them out of the template for runs on this machine",
			task, strings.Join(others, ", "), primary.Name)
	}
	return *primary, nil
}

func (c podContainer) target(task string) (target, error) {
	out := target{image: c.Image, pull: pullPolicies[c.Pull], command: c.Command, args: c.Args}
	// The SDK puts the task's own variables before the template's. Of two with
	// one name Kubernetes takes the last, and so does environ.
	for _, e := range c.Env {
		if len(e.ValueFrom) > 0 && string(e.ValueFrom) != "null" {
			out.notes = append(out.notes, fmt.Sprintf("the variable %s of the pod template is not set: its value comes from the cluster", e.Name))
			continue
		}
		out.env = append(out.env, &core.KeyValuePair{Key: e.Name, Value: e.Value})
	}
	var err error
	if out.resources.Requests, err = podEntries(task, c.Resources.Requests); err != nil {
		return target{}, err
	}
	out.resources.Limits, err = podEntries(task, c.Resources.Limits)
	return out, err
}

// pullPolicies are Kubernetes' words for when an image is fetched.
var pullPolicies = map[string]sandbox.PullPolicy{
	"Always": sandbox.PullAlways, "IfNotPresent": sandbox.PullMissing, "Never": sandbox.PullNever,
}

// podResources are Kubernetes' names of resources, and the SDK's own in lower
// case, as wire names.
var podResources = map[string]string{
	"cpu": "CPU", "memory": "MEMORY", "ephemeral-storage": "EPHEMERAL_STORAGE", "gpu": "GPU", "nvidia.com/gpu": "GPU",
}

func podEntries(task string, from map[string]quantity) ([]resources.Entry, error) {
	var all []resources.Entry
	for _, name := range slices.Sorted(maps.Keys(from)) {
		wire, known := podResources[name]
		if !known {
			return nil, refuse(codeNoAccelerator, "the pod template of task %s asks for %s %s, which a cluster's device plugin would grant and drydock cannot; leave it out of the template for runs on this machine",
				task, from[name], name)
		}
		all = append(all, resources.Entry{Name: wire, Value: string(from[name])})
	}
	return all, nil
}

// heeded are the parts of a pod and of its primary container that are used.
var (
	heededPod       = []string{"containers", "initContainers", "terminationGracePeriodSeconds"}
	heededContainer = []string{"name", "image", "command", "args", "env", "resources", "imagePullPolicy"}
)

// unheeded names what else a pod template sets.
func unheeded(data []byte, primary string) []string {
	var pod map[string]json.RawMessage
	var rest struct {
		Containers []map[string]json.RawMessage `json:"containers"`
	}
	if json.Unmarshal(data, &pod) != nil || json.Unmarshal(data, &rest) != nil {
		return nil // read once already
	}
	var names []string
	for _, key := range slices.Sorted(maps.Keys(pod)) {
		if !slices.Contains(heededPod, key) && !empty(pod[key]) {
			names = append(names, key)
		}
	}
	for _, c := range rest.Containers {
		for _, key := range slices.Sorted(maps.Keys(c)) {
			if !slices.Contains(heededContainer, key) && !empty(c[key]) {
				names = append(names, key+" of container "+primary)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"of the pod template this is not used here: " + strings.Join(names, ", ")}
}

func empty(v json.RawMessage) bool {
	return slices.Contains([]string{"null", "[]", "{}", `""`}, strings.TrimSpace(string(v)))
}
