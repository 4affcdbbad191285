// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"drydock/sandbox"
)

// statSize holds memory.stat of any kernel so far (about 2 KiB).
const statSize = 8 << 10

// Meter looks at a running group through descriptors that stay open. It is
// not safe for concurrent use.
type Meter struct {
	version int
	usage   *keptFile
	stat    *keptFile
	kernel  *keptFile // v1
	cpu     *keptFile
	psi     pressure
}

// Meter opens the group's files. On v1 the container must exist already.
func (g *Group) Meter() (*Meter, error) {
	m := &Meter{version: g.h.Version}
	for _, f := range m.files(g) {
		kept, err := keep(f.dir, f.name, f.size)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			m.Close()
			return nil, err
		}
		*f.to = kept
	}
	m.psi = openPressure(g.unifiedDir())
	return m, nil
}

// meterFile is a file that a Meter keeps open, and where it does.
type meterFile struct {
	to        **keptFile
	dir, name string
	size      int
}

func (m *Meter) files(g *Group) []meterFile {
	dir := g.memoryDir()
	if g.h.Version == 1 {
		return []meterFile{
			{&m.usage, dir, "memory.usage_in_bytes", 64},
			{&m.stat, dir, "memory.stat", statSize},
			{&m.kernel, dir, "memory.kmem.usage_in_bytes", 64},
			{&m.cpu, filepath.Join(g.h.Controllers["cpuacct"], g.Path()), "cpuacct.usage", 64},
		}
	}
	return []meterFile{
		{&m.usage, dir, "memory.current", 64},
		{&m.stat, dir, "memory.stat", statSize},
		{&m.cpu, dir, "cpu.stat", 1 << 10},
	}
}

// Close closes the descriptors.
func (m *Meter) Close() {
	for _, f := range []*keptFile{m.usage, m.stat, m.kernel, m.cpu} {
		f.close()
	}
	m.psi.close()
}

// Sample takes one look. It fails when the group is gone.
func (m *Meter) Sample() (sandbox.Sample, error) {
	s := sandbox.Sample{Time: time.Now()}
	if m.usage == nil {
		return s, os.ErrNotExist
	}
	var err error
	if s.Memory, err = m.usage.int(); err != nil {
		return s, err
	}
	s.CPUSeconds = m.cpuSeconds()
	s.Breakdown = m.breakdown()
	s.Pressure = m.psi.read()
	return s, nil
}

func (m *Meter) breakdown() *sandbox.Breakdown {
	if m.stat == nil {
		return nil
	}
	text, err := m.stat.text()
	if err != nil {
		return nil
	}
	values := parseKeyed(text)
	if m.version == 2 {
		b := breakdownV2(values)
		return &b
	}
	var kernel int64
	if m.kernel != nil {
		kernel, _ = m.kernel.int()
	}
	b := breakdownV1(values, kernel)
	return &b
}

func (m *Meter) cpuSeconds() float64 {
	if m.cpu == nil {
		return 0
	}
	text, err := m.cpu.text()
	if err != nil {
		return 0
	}
	if m.version == 2 {
		return float64(parseKeyed(text)["usage_usec"]) / 1e6
	}
	n, _ := parseInt(text)
	return float64(n) / 1e9
}
