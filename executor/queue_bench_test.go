// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"drydock/resources"
)

// Tasks that wait cost memory only: so much each, in heap and stacks.
func BenchmarkQueued(b *testing.B) {
	const many = 1000
	for b.Loop() {
		x := newExecutor(b, func(c *Config) { c.LeaseDir, c.Capacity = b.TempDir(), Capacity{CPUMilli: 1000, Memory: 1 << 30} })
		task := hog("sleep", "3600000")
		task.Resources.Memory = resources.Of("1Gi")
		before := inUse()
		ctx, cancel := context.WithCancel(b.Context())
		var all sync.WaitGroup
		var queued atomic.Int32
		for range many {
			all.Go(func() {
				_, _ = x.Run(ctx, task, WithEvents(func(e Event) {
					if e.Queued != nil {
						queued.Add(1)
					}
				}))
			})
		}
		for queued.Load() < many {
			runtime.Gosched()
		}
		b.ReportMetric(float64(inUse()-before)/many, "B/queued")
		cancel()
		all.Wait()
	}
}

func inUse() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}
