// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Demand is what an attempt gets: request and limit of everything, and where each came from.
type Demand struct {
	CPU, Memory Allotment
	Disk        *Allotment // nil: not asked, no limit
	Shm         *ShmDemand // nil: not asked; the sandbox gives 64 MiB, as container engines do
	GPU         *Device    // nil: none
	GPUOrigin   Origin     // "" without GPU
}

// Allotment is a request and a limit.
type Allotment struct {
	Request, Limit             resource.Quantity
	RequestOrigin, LimitOrigin Origin
}

// ShmDemand is the size of /dev/shm. Its pages count against the memory limit.
type ShmDemand struct {
	Auto   bool  // as large as the memory limit
	Size   int64 // bytes; 0 with Auto
	Origin Origin
}

// RequestMilli is the request in thousandths (of a core), rounded up, at most 2^63-1.
func (a Allotment) RequestMilli() int64 { return saturated(a.Request, 1000) }

// LimitMilli is the limit in thousandths (of a core), rounded up, at most 2^63-1.
func (a Allotment) LimitMilli() int64 { return saturated(a.Limit, 1000) }

// RequestBytes is the request in bytes, rounded up, at most 2^63-1.
func (a Allotment) RequestBytes() int64 { return saturated(a.Request, 1) }

// LimitBytes is the limit in bytes, rounded up, at most 2^63-1.
func (a Allotment) LimitBytes() int64 { return saturated(a.Limit, 1) }

type allotmentJSON struct {
	Request       string `json:"request"`
	Limit         string `json:"limit"`
	RequestOrigin Origin `json:"request_origin"`
	LimitOrigin   Origin `json:"limit_origin"`
}

// MarshalJSON writes {"request":"1","limit":"1","request_origin":"asked","limit_origin":"default"}.
func (a Allotment) MarshalJSON() ([]byte, error) {
	return json.Marshal(allotmentJSON{canonical(a.Request), canonical(a.Limit), a.RequestOrigin, a.LimitOrigin})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Allotment) UnmarshalJSON(data []byte) error {
	var m allotmentJSON
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read request and limit: %w", err)
	}
	request, err := Quantity(m.Request).Parse()
	if err != nil {
		return fmt.Errorf("read request %q: %w", clip(m.Request), err)
	}
	limit, err := Quantity(m.Limit).Parse()
	if err != nil {
		return fmt.Errorf("read limit %q: %w", clip(m.Limit), err)
	}
	*a = Allotment{request, limit, m.RequestOrigin, m.LimitOrigin}
	return nil
}

// canonical is the canonical text of a quantity.
func canonical(q resource.Quantity) string { return q.String() }

type shmJSON struct {
	Auto   bool   `json:"auto,omitempty"`
	Size   string `json:"size,omitempty"`
	Origin Origin `json:"origin"`
}

// MarshalJSON writes {"auto":true,"origin":"asked"} or {"size":"64Mi","origin":"asked"}.
func (s ShmDemand) MarshalJSON() ([]byte, error) {
	m := shmJSON{Auto: s.Auto, Origin: s.Origin}
	if !s.Auto {
		m.Size = FormatSize(s.Size)
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *ShmDemand) UnmarshalJSON(data []byte) error {
	var m shmJSON
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read shm: %w", err)
	}
	out := ShmDemand{Auto: m.Auto, Origin: m.Origin}
	if !m.Auto {
		q, err := Quantity(m.Size).Parse()
		if err != nil {
			return fmt.Errorf("read the size of shm %q: %w", clip(m.Size), err)
		}
		out.Size = saturated(q, 1)
	}
	*s = out
	return nil
}

// gpuJSON is one entry of the list "gpu"; today there is at most one.
type gpuJSON struct {
	deviceJSON
	Origin Origin `json:"origin,omitempty"`
}

type demandJSON struct {
	CPU    Allotment  `json:"cpu"`
	Memory Allotment  `json:"memory"`
	Shm    *ShmDemand `json:"shm,omitempty"`
	Disk   *Allotment `json:"disk,omitempty"`
	GPU    []gpuJSON  `json:"gpu,omitempty"`
}

// MarshalJSON writes the object "resources" that reports and --json carry, with canonical Kubernetes quantities.
func (d Demand) MarshalJSON() ([]byte, error) {
	m := demandJSON{CPU: d.CPU, Memory: d.Memory, Shm: d.Shm, Disk: d.Disk}
	if d.GPU != nil {
		m.GPU = []gpuJSON{{deviceJSON{d.GPU.Class, d.GPU.Device, d.GPU.Quantity, d.GPU.Partition}, d.GPUOrigin}}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Demand) UnmarshalJSON(data []byte) error {
	var m demandJSON
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	out := Demand{CPU: m.CPU, Memory: m.Memory, Shm: m.Shm, Disk: m.Disk}
	switch {
	case len(m.GPU) > 1:
		return fmt.Errorf("read resources: %d accelerators; this version knows one", len(m.GPU))
	case len(m.GPU) == 1:
		g := m.GPU[0]
		out.GPU = &Device{g.Quantity, g.Class, g.Device, g.Partition}
		out.GPUOrigin = g.Origin
	}
	*d = out
	return nil
}
