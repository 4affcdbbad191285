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
)

// Capacity is what tasks may have of this machine at a time, by requests.
type Capacity struct {
	CPUMilli int64 // millicores
	Memory   int64 // bytes
}

// IsZero reports whether no capacity is given.
func (c Capacity) IsZero() bool { return c == Capacity{} }

func (c Capacity) String() string {
	return fmt.Sprintf("%s CPU, %s memory", cpuText(c.CPUMilli), size(c.Memory))
}

func cpuText(milli int64) string {
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64)
}

// The memory that is kept for the system, as a node keeps some back from its
// pods: a tenth, at most 4 GiB. No CPU is kept: on a machine of one core the
// default request of one CPU could never run.
const (
	reservePart = 10
	reserveMost = 4 << 30
)

// HostCapacity returns what this machine can give: all of its cores and its
// memory but a reserve of a tenth, at most 4 GiB.
func HostCapacity() (Capacity, error) {
	c := Capacity{CPUMilli: int64(runtime.NumCPU()) * 1000}
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return c, err
	}
	defer file.Close()
	total, err := memTotal(file)
	if err != nil {
		return c, fmt.Errorf("read /proc/meminfo: %w", err)
	}
	c.Memory = total - min(total/reservePart, reserveMost)
	c.Memory -= c.Memory % (1 << 20) // a figure that people can read and write
	return c, nil
}

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
