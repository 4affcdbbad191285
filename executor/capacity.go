// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"drydock/internal/admission"
)

// Capacity is what tasks may have of this machine at a time, by requests.
type Capacity struct {
	CPUMilli int64 // millicores
	Memory   int64 // bytes
	Disk     int64 // bytes
	Pids     int64 // processes and threads; a task takes the profile's podPidsLimit of them
}

// IsZero reports whether no capacity is given.
func (c Capacity) IsZero() bool { return c == Capacity{} }

func (c Capacity) String() string {
	return fmt.Sprintf("%s CPU, %s memory", admission.CPUText(c.CPUMilli), size(c.Memory))
}

// The memory that is kept for the system, as a node keeps some back from its
// pods: a tenth, at most 4 GiB. No CPU is kept: on a machine of one core the
// default request of one CPU could never run.
const (
	reservePart = 10
	reserveMost = 4 << 30
)

// HostCapacity returns what this machine can give: all of its cores and its
// memory but a reserve of a tenth, at most 4 GiB. What of disk and of pids it
// has is left open (zero).
func HostCapacity() (Capacity, error) {
	c, err := HostTotal()
	if err != nil {
		return c, err
	}
	return c.Less(Capacity{Memory: min(c.Memory/reservePart, reserveMost)}), nil
}

// HostTotal returns this machine's cores and memory, of which nothing is kept.
func HostTotal() (Capacity, error) {
	c := Capacity{CPUMilli: int64(runtime.NumCPU()) * 1000}
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return c, err
	}
	defer file.Close()
	if c.Memory, err = memTotal(file); err != nil {
		return c, fmt.Errorf("read /proc/meminfo: %w", err)
	}
	return c, nil
}

// Less returns what is left when cpu and memory are kept back, in figures that
// people can read and write: whole MiB.
func (c Capacity) Less(reserve Capacity) Capacity {
	c.CPUMilli = max(0, c.CPUMilli-reserve.CPUMilli)
	c.Memory = max(0, c.Memory-reserve.Memory)
	c.Memory -= c.Memory % (1 << 20)
	return c
}

// completed is c with the host's cpu and memory where it does not say.
func (c Capacity) completed() (Capacity, error) {
	if c.CPUMilli > 0 && c.Memory > 0 {
		return c, nil
	}
	host, err := hostCapacity()
	if err != nil {
		return c, fmt.Errorf("find out what this machine has: %w", err)
	}
	if c.CPUMilli <= 0 {
		c.CPUMilli = host.CPUMilli
	}
	if c.Memory <= 0 {
		c.Memory = host.Memory
	}
	return c, nil
}

// These are asked once: 10,000 tasks of one process need not read it anew.
var (
	hostCapacity = sync.OnceValues(HostCapacity)
	hostTotal    = sync.OnceValues(HostTotal)
)

// room is how much could be written below a state directory when this process
// first asked. It is the same for all its Executors there, which are one desk.
func room(stateDir string) (int64, error) {
	first, _ := rooms.LoadOrStore(stateDir, sync.OnceValues(func() (int64, error) { return diskFree(stateDir) }))
	return first.(func() (int64, error))()
}

var rooms sync.Map // of functions, by state directory

// memTotal reads the machine's memory in bytes from the text of /proc/meminfo.
func memTotal(meminfo io.Reader) (int64, error) {
	lines := bufio.NewScanner(meminfo)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "MemTotal:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return 0, err
		}
		return kib << 10, nil
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("no MemTotal")
}
