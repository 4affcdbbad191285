// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Letting one in and out again, beside others who hold something.
func BenchmarkTakeRelease(b *testing.B) {
	for _, others := range []int{0, 10, 100} {
		b.Run(fmt.Sprintf("beside=%d", others), func(b *testing.B) {
			m := machine(b, leaseDir(b), 1000)
			for n := range others {
				defer take(b, m, n, 1).Release()
			}
			for n := 0; b.Loop(); n++ {
				take(b, m, others+n, 1).Release()
			}
		})
	}
}

// How long the directory's lock is held at most: everybody's claims are read,
// one is written.
func BenchmarkLocked(b *testing.B) {
	path := leaseDir(b)
	m := machine(b, path, 1000)
	for n := range 100 {
		defer take(b, m, n, 1).Release()
	}
	var held time.Duration
	for b.Loop() {
		unlock, err := m.dir.lock(b.Context(), time.Second)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := m.dir.look(window, true); err != nil {
			b.Fatal(err)
		}
		c, err := m.hold(request(1000, 1), (&Claim{}).Holds)
		if err != nil {
			b.Fatal(err)
		}
		held += time.Since(began)
		unlock()
		c.Release()
	}
	b.ReportMetric(float64(held.Microseconds())/float64(b.N), "µs-locked/op")
}

// From one process's release to the start of what waits in another.
func BenchmarkHandOver(b *testing.B) {
	path := leaseDir(b)
	desks := []*Machine{machine(b, path, 4), machine(b, path, 4)}
	claim := take(b, desks[0], 0, 4)
	var took time.Duration
	for n := 1; b.Loop(); n++ {
		next := make(chan *Claim)
		queued := make(chan struct{}, 1)
		go func() {
			c, err := desks[n%2].Take(b.Context(), request(n, 4), func(string) {
				select {
				case queued <- struct{}{}:
				default:
				}
			})
			if err != nil {
				b.Error(err)
			}
			next <- c
		}()
		<-queued
		time.Sleep(2 * watchPause) // it watches by now
		began := time.Now()
		claim.Release()
		claim = <-next
		took += time.Since(began)
	}
	claim.Release()
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "µs-waited/op")
}

// A fan-out waits in one process while four of them run at a time: what each
// costs, in time and in memory.
func BenchmarkFanOut(b *testing.B) {
	for _, many := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("tasks=%d", many), func(b *testing.B) {
			for b.Loop() {
				fanOut(b, many)
			}
		})
	}
}

func fanOut(b *testing.B, many int) {
	m := machine(b, leaseDir(b), 4)
	blocker := take(b, m, many, 4)
	before := memoryUsed()
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			c, err := m.Take(b.Context(), request(n, 1), quiet)
			if err != nil {
				b.Error(err)
				return
			}
			c.Release()
		})
	}
	for waiting := 0; waiting < many; runtime.Gosched() {
		m.mu.Lock()
		waiting = m.waiting.Len()
		m.mu.Unlock()
	}
	b.ReportMetric(float64(memoryUsed()-before)/float64(many), "B/queued")
	began := time.Now()
	blocker.Release()
	all.Wait()
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(many), "µs/task")
}

// memoryUsed is what the heap and the stacks take.
func memoryUsed() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}
