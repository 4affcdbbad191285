// SPDX-License-Identifier: Apache-2.0

package top

import (
	"strings"
	"testing"
	"time"
)

// A column for devices is there where a task has some whose use is known.
func TestGPUColumn(t *testing.T) {
	s := scene()
	if text := Text(s, Look{Unicode: true}); strings.Contains(text, "GPU") {
		t.Errorf("without devices:\n%s", text)
	}
	looks := make([]Point, 60)
	for i := range looks {
		looks[i] = Point{Time: now.Add(time.Duration(i-59) * time.Second), GPU: int64(i) << 30}
	}
	s.Tasks = append(s.Tasks,
		Task{ID: "01M8C4H6R0TMN4RER3K2XAGMEG", Name: "trains", Status: "running", Begun: now.Add(-80 * time.Second), Attempt: 1, CPULimit: 4, MemoryLimit: 8 << 30,
			GPULimit: 80 << 30, GPU: some(int64(60 << 30)), GPUBusy: some(0.93), RecentGPU: looks},
		Task{ID: "01M8C4H6R0TMN4RER3K2XAGMEH", Name: "asks", Status: "running", Begun: now, Attempt: 1, GPULimit: 24 << 30})
	s.Sort(ByGPU)
	if s.Tasks[0].Name != "trains" {
		t.Errorf("the fullest devices are %s's", s.Tasks[0].Name)
	}
	golden(t, "gpu.txt", Text(s, Look{Unicode: true}))
}
