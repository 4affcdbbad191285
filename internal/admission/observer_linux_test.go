// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// lockedFiles are the inodes that somebody holds an exclusive lock on, as the
// kernel's own table says: looking takes no lock.
func lockedFiles(t *testing.T) map[string]bool {
	t.Helper()
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	locked := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && f[3] == "WRITE" {
			locked[f[5]] = true
		}
	}
	return locked
}

// liveFiles reads those files of a directory that somebody holds, by name.
func liveFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	locked := lockedFiles(t)
	live := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var st unix.Stat_t
		path := filepath.Join(dir, e.Name())
		if unix.Lstat(path, &st) != nil {
			continue
		}
		text, err := os.ReadFile(path)
		if err == nil && locked[fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)] {
			live[e.Name()] = text
		}
	}
	return live
}

// observer adds up, from outside, what those who are in have laid down as
// evidence.
type observer struct {
	evidence string
	capacity sandbox.Amounts
	most     sandbox.Amounts // seen
	devices  int             // the most that were held
	looks    int
}

// look fails the test when more is held than there is. Somebody may just be
// dying: then it is over at the second look.
func (o *observer) look(t *testing.T) {
	o.looks++
	for try := 0; ; try++ {
		var sum sandbox.Amounts
		devices := 0
		for name, text := range liveFiles(t, o.evidence) {
			var h sandbox.Holds
			if strings.HasPrefix(name, "holds-") && json.Unmarshal(text, &h) == nil {
				sum = plus(sum, h.Amounts)
				devices += len(h.Devices)
			}
		}
		if sum.CPUMilli <= o.capacity.CPUMilli && sum.Memory <= o.capacity.Memory {
			o.devices = max(o.devices, devices)
			o.most.CPUMilli, o.most.Memory = max(o.most.CPUMilli, sum.CPUMilli), max(o.most.Memory, sum.Memory)
			return
		}
		if try == 3 {
			t.Errorf("%+v is held of %+v", sum, o.capacity)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// watch looks again and again, until the function it returns is called.
func (o *observer) watch(t *testing.T) (stop func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(3 * time.Millisecond):
				o.look(t)
			}
		}
	})
	return func() { close(ended); watching.Wait() }
}
