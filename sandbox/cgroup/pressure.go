// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"
	"strconv"
	"strings"

	"drydock/sandbox"
)

// pressureSize holds a pressure file: two lines of about 70 bytes.
const pressureSize = 256

// pressure reads a group's pressure stall information. A part that this
// kernel does not keep (psi=0, cgroup.pressure=0) is nil or fails to be read.
type pressure struct {
	memory, cpu *keptFile
}

// unifiedDir is the group that the processes have in the unified hierarchy,
// which is where the kernel counts pressure: the owner's on v2; on a hybrid
// machine the one that the runtime makes beside the v1 groups. "" on pure v1.
func (g *Group) unifiedDir() string {
	switch {
	case g.h.Version == 2:
		return g.memoryDir()
	case g.h.Unified != "":
		return filepath.Join(g.h.Unified, g.RuntimePath())
	}
	return ""
}

// openPressure never fails: what cannot be opened is not known.
func openPressure(dir string) pressure {
	if dir == "" {
		return pressure{}
	}
	memory, _ := keep(dir, "memory.pressure", pressureSize)
	cpu, _ := keep(dir, "cpu.pressure", pressureSize)
	return pressure{memory, cpu}
}

func (p pressure) close() {
	p.memory.close()
	p.cpu.close()
}

// read returns nil when nothing is counted.
func (p pressure) read() *sandbox.Pressure {
	now := sandbox.Pressure{Memory: readStall(p.memory), CPU: readStall(p.cpu)}
	if now.Memory == nil && now.CPU == nil {
		return nil
	}
	return &now
}

func readStall(f *keptFile) *sandbox.Stall {
	if f == nil {
		return nil
	}
	text, err := f.text()
	if err != nil {
		return nil
	}
	return parseStall(text)
}

// parseStall reads the totals of a pressure file (microseconds), or returns
// nil for what is none. The averages beside them move every two seconds only,
// too slowly for a program that runs out of memory in less.
func parseStall(text string) *sandbox.Stall {
	var s *sandbox.Stall
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		total, ok := strings.CutPrefix(fields[len(fields)-1], "total=")
		micros, err := strconv.ParseUint(total, 10, 64)
		if !ok || err != nil {
			continue
		}
		if s == nil {
			s = &sandbox.Stall{}
		}
		switch fields[0] {
		case "some":
			s.Some = float64(micros) / 1e6
		case "full":
			s.Full = float64(micros) / 1e6
		}
	}
	return s
}
