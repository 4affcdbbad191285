// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Complete applies the profile's defaults and limits as the Flyte backend does
// (flyteplugins .../flytek8s/container_helper.go) and says what it changed. What is written has the origin Asked.
// The error is what a cluster would refuse; r's other regrets are Validate's to tell.
func (r Resources) Complete(p Profile) (Demand, []Warning, error) { return r.complete(p, Asked) }

// CompleteOverride is Complete for resources that came from an override: what is written has the origin Override.
func (r Resources) CompleteOverride(p Profile) (Demand, []Warning, error) {
	return r.complete(p, Override)
}

// completion is one run of Complete.
type completion struct {
	profile  Profile
	written  Origin
	warnings []Warning
}

func (r Resources) complete(p Profile, written Origin) (Demand, []Warning, error) {
	if _, err := r.regrets(); err != nil {
		return Demand{}, nil, err
	}
	if r.GPU != nil && r.GPU.Quantity < 1 {
		return Demand{}, nil, gpuError(textQuantity)
	}
	platform, err := p.platform()
	if err != nil {
		return Demand{}, nil, err
	}
	c := &completion{profile: p, written: written}
	var d Demand
	d.CPU = c.allot("cpu", r.CPU, platform.defaults[kubeCPU], platform.limits[kubeCPU])
	d.Memory = c.allot("memory", r.Memory, platform.defaults[kubeMemory], platform.limits[kubeMemory])
	if disk := c.side(r.Disk); !disk.q.IsZero() {
		a := c.allot("disk", Of(r.Disk), resource.Quantity{}, platform.limits[kubeDisk])
		d.Disk = &a
	}
	d.Shm = c.shm(r, d.Memory)
	if r.GPU != nil {
		d.GPU, d.GPUOrigin = c.devices(*r.GPU, platform.limits[kubeGPU])
	}
	return d, c.warnings, nil
}

// side reads one written quantity; what does not parse was refused before.
func (c *completion) side(q Quantity) side {
	parsed, err := q.Parse()
	if err != nil {
		return side{}
	}
	return side{parsed, c.written}
}

func (c *completion) allot(field string, r Range, fallback, most resource.Quantity) Allotment {
	asked := [2]side{c.side(r.Request), c.side(r.Limit)}
	request, limit := fill(asked[0], asked[1], fallback, most)
	c.warnClamped(field, asked, fallback, most)
	return Allotment{request.q, limit.q, request.origin, limit.origin}
}

// warnClamped names the profile when it lowers what was asked for, or its own default.
func (c *completion) warnClamped(field string, asked [2]side, fallback, most resource.Quantity) {
	largest := asked[0]
	if largest.q.Cmp(asked[1].q) < 0 {
		largest = asked[1]
	}
	if !asked[1].q.IsZero() {
		largest = asked[1] // a request above its own limit is lowered to that anyway
	}
	switch {
	case most.IsZero():
	case largest.q.IsZero() && fallback.Cmp(most) > 0:
		c.warn(field, CodeDefaultAbove, "the default of "+canonical(fallback)+" is clamped to "+canonical(most)+" by "+
			c.profile.called()+"; lower its default or raise its limit")
	case largest.q.Cmp(most) > 0:
		c.warn(field, CodeClamped, "your "+canonical(largest.q)+" is clamped to "+canonical(most)+" by "+
			c.profile.called()+"; ask for less, or raise its limit")
	}
}

func (c *completion) warn(field, code, text string) {
	c.warnings = append(c.warnings, Warning{Field: field, Code: code, Text: field + ": " + text})
}

// shm completes shared memory: zero is no size, which is auto. The kubelet makes it no larger than the memory limit
// (kubernetes pkg/volume/emptydir/empty_dir.go), which is said here unless Validate says it already.
func (c *completion) shm(r Resources, memory Allotment) *ShmDemand {
	if r.Shm == "" {
		return nil
	}
	size, ok := r.shmSize()
	if !ok {
		return &ShmDemand{Auto: true, Origin: c.written}
	}
	if _, said := r.shmAboveMemory(); !said && size > memory.LimitBytes() {
		c.warn("shm", CodeShm, string(r.Shm)+" of shared memory counts against the memory limit of "+canonical(memory.Limit)+
			" that "+c.profile.called()+" gives; ask for less shm, or for more memory")
	}
	return &ShmDemand{Size: size, Origin: c.written}
}

// devices clamps the number of devices.
func (c *completion) devices(d Device, most resource.Quantity) (*Device, Origin) {
	if d.Class == "" {
		d.Class = ClassGPU
	}
	n := saturated(most, 1)
	if n <= 0 || int64(d.Quantity) <= n {
		return &d, c.written
	}
	c.warn("gpu", CodeClamped, "your "+strconv.Itoa(d.Quantity)+" are clamped to "+strconv.FormatInt(n, 10)+" by "+
		c.profile.called()+"; ask for fewer, or raise its limit")
	d.Quantity = int(n)
	return &d, Clamped
}
