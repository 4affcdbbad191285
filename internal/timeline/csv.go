// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// columns are the table's, in order; new ones come last. An empty cell is not
// known.
var columns = []string{
	"attempt", "time", "seconds", "type", "memory", "anon", "file", "shmem", "kernel", "memory_limit",
	"cpu_seconds", "cores", "cpu_limit", "memory_some", "memory_full", "cpu_some", "cpu_full", "text",
	"disk", "disk_limit", "gpu_memory", "gpu_memory_limit", "gpu_busy",
}

// csvRow is a point, a mark, or both at once.
type csvRow struct {
	at    time.Duration
	point *Point
	mark  *Mark
}

func writeCSV(w io.Writer, r *Report) error {
	table := csv.NewWriter(w)
	if err := table.Write(columns); err != nil {
		return err
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		for _, row := range csvRows(a) {
			if err := table.Write(row.cells(a)); err != nil {
				return err
			}
		}
	}
	table.Flush()
	return table.Error()
}

// csvRows are an attempt's points and marks in order of time. What is both has
// one row.
func csvRows(a *Attempt) []csvRow {
	var rows []csvRow
	for i := range a.Points {
		rows = append(rows, csvRow{at: a.Points[i].At, point: &a.Points[i]})
	}
	for i := range a.Marks {
		m := &a.Marks[i]
		same := slices.IndexFunc(rows, func(r csvRow) bool {
			return r.point != nil && (m.Kind == MarkOOM && r.point.Kind == AtOOM || m.Kind == MarkEnded && r.point.Kind == AtEnd)
		})
		if same >= 0 {
			rows[same].mark = m
		} else {
			rows = append(rows, csvRow{at: m.At, mark: m})
		}
	}
	slices.SortStableFunc(rows, func(x, y csvRow) int { return cmp.Compare(x.at, y.at) })
	return rows
}

func (row csvRow) cells(a *Attempt) []string {
	cells := map[string]string{
		"attempt": strconv.Itoa(a.Number), "seconds": plain(row.at.Seconds()),
		"time": a.Start.Add(row.at).UTC().Format(time.RFC3339Nano),
	}
	if a.MemoryLimit > 0 {
		cells["memory_limit"] = strconv.FormatInt(a.MemoryLimit, 10)
	}
	if a.CPULimit > 0 {
		cells["cpu_limit"] = plain(a.CPULimit)
	}
	if a.DiskLimit > 0 {
		cells["disk_limit"] = strconv.FormatInt(a.DiskLimit, 10)
	}
	if most := gpuTotal(a.GPU); most > 0 {
		cells["gpu_memory_limit"] = strconv.FormatInt(most, 10)
	}
	if m := row.mark; m != nil {
		cells["type"], cells["text"] = string(m.Kind), m.Text
	}
	if row.point != nil {
		pointCells(pointOf(*row.point), cells)
	}
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = cells[c]
	}
	return line
}

func pointCells(p pointDocument, cells map[string]string) {
	cells["type"], cells["cpu_seconds"] = string(p.Type), plain(p.CPUSeconds)
	if p.Memory != nil {
		cells["memory"] = strconv.FormatInt(*p.Memory, 10)
	}
	if p.Disk != nil {
		cells["disk"] = strconv.FormatInt(*p.Disk, 10)
	}
	if p.GPU != nil {
		cells["gpu_memory"] = strconv.FormatInt(gpuMemory(p.GPU), 10)
		if busy, ok := gpuBusy(p.GPU); ok {
			cells["gpu_busy"] = plain(busy)
		}
	}
	if b := p.Breakdown; b != nil {
		cells["anon"], cells["file"] = fmt.Sprint(b.Anon), fmt.Sprint(b.File)
		cells["shmem"], cells["kernel"] = fmt.Sprint(b.Shmem), fmt.Sprint(b.Kernel)
	}
	for name, x := range map[string]*float64{
		"cores": p.Cores, "memory_some": p.MemorySome, "memory_full": p.MemoryFull, "cpu_some": p.CPUSome, "cpu_full": p.CPUFull,
	} {
		if x != nil {
			cells[name] = plain(*x)
		}
	}
}

// plain writes a number without an exponent, to a millionth.
func plain(x float64) string { return trimmed(x, 6) }
