// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Origin says where a value came from.
type Origin string

// The origins of a value.
const (
	Asked    Origin = "asked"    // written by the person
	Override Origin = "override" // written in an override
	Default  Origin = "default"  // filled in: the profile's default, or a limit from its request and the reverse
	Clamped  Origin = "clamped"  // lowered: by the profile's limit, or a request to its limit
)

// side is one of request and limit, with its origin. The zero side is unset.
type side struct {
	q      resource.Quantity
	origin Origin
}

// fill completes one resource as the Flyte backend does for a task (flyteplugins .../flytek8s/container_helper.go,
// AdjustOrDefaultResource): zero counts as unset, a missing request is the limit or else the default, a missing
// limit is the request; then both are clamped.
func fill(request, limit side, fallback, most resource.Quantity) (side, side) {
	if request.q.IsZero() {
		request = side{fallback, Default}
		if !limit.q.IsZero() {
			request = side{limit.q, Default}
		}
	}
	if limit.q.IsZero() {
		limit = side{request.q, Default}
	}
	return clamp(request, limit, most)
}

// clamp lowers both sides to the platform's limit and the request to the limit (ensureResourceRange). It sets
// nothing that is unset.
func clamp(request, limit side, most resource.Quantity) (side, side) {
	request = request.atMost(most)
	limit = limit.atMost(most)
	request = request.atMost(limit.q)
	return request, limit
}

// atMost is ensureResourceLimit: zero means unset on either side.
func (s side) atMost(most resource.Quantity) side {
	if s.q.IsZero() || most.IsZero() || s.q.Cmp(most) <= 0 {
		return s
	}
	return side{most, Clamped}
}

// list is a Kubernetes ResourceList: quantities by resource name.
type list map[string]resource.Quantity

// Kubernetes resource names.
const (
	kubeCPU    = "cpu"
	kubeMemory = "memory"
	kubeDisk   = "ephemeral-storage"
	kubeGPU    = "nvidia.com/gpu"
)

// platform is what a deployment adds: defaults and limits by Kubernetes resource name.
type platform struct{ defaults, limits list }

// textUnparsable is the backend's own message.
const textUnparsable = "Failed to parse resource as a valid quantity."

// parseEntries reads one half of a task template's resources (flytek8s/utils.go, ToK8sResourceList): zero is
// dropped, GPU gets the name of its accelerator's class.
func parseEntries(entries []Entry, gpu string) (list, error) {
	names := map[string]string{"CPU": kubeCPU, "MEMORY": kubeMemory, "EPHEMERAL_STORAGE": kubeDisk, "GPU": gpu}
	out := list{}
	for _, e := range entries {
		q, err := parseKubernetes(e.Value)
		if err == nil && !canCompare(e.Value) {
			err = errNeverEnds
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", textUnparsable, err)
		}
		if name, ok := names[e.Name]; ok && !q.IsZero() {
			out[name] = q
		}
	}
	return out, nil
}

// apply completes all resources of a container (ApplyResourceOverrides). With defaults it is what tasks get (modes
// merge and assign); without, what secondary containers get (mode ensure).
func (p platform) apply(requests, limits list, defaults bool) (list, list) {
	outRequests, outLimits := list{}, list{}
	for _, name := range []string{kubeCPU, kubeMemory, kubeDisk, kubeGPU, "google.com/tpu", "aws.amazon.com/neuron", "amd.com/gpu", "habana.ai/gaudi"} {
		_, requested := requests[name]
		_, limited := limits[name]
		if !requested && !limited && name != kubeCPU && name != kubeMemory {
			continue
		}
		request, limit := side{q: requests[name]}, side{q: limits[name]}
		if defaults {
			request, limit = fill(request, limit, p.defaults[name], p.limits[name])
		} else {
			request, limit = clamp(request, limit, p.limits[name])
		}
		outRequests[name], outLimits[name] = request.q, limit.q
	}
	return outRequests, outLimits
}
