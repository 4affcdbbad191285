// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"drydock/sandbox"
)

// keptFile is a control file that stays open: reading it again costs a pread,
// about a tenth of opening it each time.
type keptFile struct {
	f   *os.File
	buf []byte
}

func keep(dir, name string, size int) (*keptFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	return &keptFile{f: f, buf: make([]byte, size)}, nil
}

func (k *keptFile) text() (string, error) {
	n, err := k.f.ReadAt(k.buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(k.buf[:n]), nil
}

func (k *keptFile) int() (int64, error) {
	text, err := k.text()
	if err != nil {
		return 0, err
	}
	return parseInt(text)
}

func (k *keptFile) close() {
	if k != nil {
		k.f.Close()
	}
}

// parseInt reads a single number; "max" is 0, which stands for no limit.
func parseInt(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// readInt reads a control file that holds one number.
func readInt(dir, name string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return parseInt(string(data))
}

// parseKeyed reads a flat-keyed file ("name value" a line); other lines are skipped.
func parseKeyed(text string) map[string]int64 {
	values := make(map[string]int64, 64)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil {
			values[name] = n
		}
	}
	return values
}

// breakdownV1 reads v1's memory.stat, with the groups below: cache holds
// shmem, and the kernel's share stands in a file of its own.
func breakdownV1(stat map[string]int64, kernel int64) sandbox.Breakdown {
	return sandbox.Breakdown{
		Anon:   stat["total_rss"],
		File:   max(0, stat["total_cache"]-stat["total_shmem"]),
		Shmem:  stat["total_shmem"],
		Kernel: kernel,
	}
}

// breakdownV2 reads v2's memory.stat: file holds shmem. "kernel" came with
// Linux 5.18; before, its parts are added up.
func breakdownV2(stat map[string]int64) sandbox.Breakdown {
	kernel, ok := stat["kernel"]
	if !ok {
		kernel = stat["kernel_stack"] + stat["pagetables"] + stat["percpu"] + stat["slab"]
	}
	return sandbox.Breakdown{
		Anon:   stat["anon"],
		File:   max(0, stat["file"]-stat["shmem"]),
		Shmem:  stat["shmem"],
		Kernel: kernel,
	}
}
