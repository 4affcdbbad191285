// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
)

// StatsStream calls see with a look at the container about once a second,
// until ctx or the container ends: nil then.
func (e *Engine) StatsStream(ctx context.Context, id string, see func(Stats)) error {
	began := time.Now()
	const call = "follow container's usage"
	body, err := follow(ctx, e, call, func(ctx context.Context) (io.ReadCloser, error) {
		answer, err := e.client.ContainerStats(ctx, id, true)
		return answer.Body, err
	})
	if err != nil {
		return err
	}
	defer body.Close()
	decoder := json.NewDecoder(body)
	for {
		var seen container.StatsResponse
		err := decoder.Decode(&seen)
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return explain(ctx, call, time.Since(began), err)
		}
		if seen.Read.IsZero() || seen.MemoryStats.Usage == 0 && seen.PidsStats.Current == 0 {
			continue // the container is on its way in or out
		}
		see(statsFrom(seen))
	}
}

func statsFrom(seen container.StatsResponse) Stats {
	memory := seen.MemoryStats
	s := Stats{
		Time:       seen.Read,
		Memory:     int64(memory.Usage),
		MaxMemory:  int64(memory.MaxUsage),
		CPUSeconds: seconds(seen.CPUStats.CPUUsage.TotalUsage),
		Pids:       int64(seen.PidsStats.Current),
	}
	breakdown(&s, memory.Stats)
	return s
}

// breakdown reads memory.stat as the engine passes it on: v2 has "anon" and
// counts shmem in "file", v1 has "total_rss" and counts it in "total_cache".
// Kernel memory is what is left of the usage on v1, which has no figure for it.
func breakdown(s *Stats, stat map[string]uint64) {
	at := func(name string) int64 { return int64(stat[name]) }
	if _, v2 := stat["anon"]; v2 {
		s.Anon, s.Shmem = at("anon"), at("shmem")
		s.File = max(0, at("file")-s.Shmem)
		s.Kernel = at("kernel")
		if s.Kernel == 0 { // before Linux 5.18
			s.Kernel = at("kernel_stack") + at("pagetables") + at("slab") + at("sock") + at("percpu")
		}
		return
	}
	if _, v1 := stat["total_rss"]; !v1 {
		return
	}
	s.Anon, s.Shmem = at("total_rss"), at("total_shmem")
	s.File = max(0, at("total_cache")-s.Shmem)
	s.Kernel = max(0, s.Memory-at("total_rss")-at("total_cache"))
}

func seconds(nanoseconds uint64) float64 { return float64(nanoseconds) / float64(time.Second) }
