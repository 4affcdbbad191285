// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// measure watches the size of drydock's own processes while they run, when a
// scenario asks. ru_maxrss would not do: after vfork it holds the peak of the
// process that started it.
func measure(e Expect, drydock int) func() float64 {
	if !e.asks("rss_mb") {
		return func() float64 { return 0 }
	}
	stop, done := make(chan struct{}), make(chan float64)
	go func() {
		var peak float64
		for {
			peak = max(peak, largest(drydock))
			select {
			case <-stop:
				done <- peak
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(stop); return <-done }
}

// largest is the highest VmHWM in MiB of drydock and of its descendants that
// run a program of drydock.
func largest(drydock int) float64 {
	var most float64
	for _, pid := range family(drydock) {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		if pid == drydock || ofDrydock(dir) {
			most = max(most, highWater(dir))
		}
	}
	return most
}

func family(pid int) []int {
	pids := []int{pid}
	paths, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task/*/children"))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, family(child)...)
			}
		}
	}
	return pids
}

func highWater(dir string) float64 {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
