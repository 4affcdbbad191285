// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Many drydocks share a machine of 1 GiB, and some are killed while their tasks
// run on: the limits of all groups that the kernel has are never more than the
// machine, everybody who was not killed gets in, and nothing stays counted.
func TestManyShareTheMachine(t *testing.T) {
	nothingLeft(t)
	const all, machine = 24, 1 << 30
	const node = "cpu=64,memory=1Gi"
	h := newHome(t)
	first := h.start(t, "run", "--node", node, "--memory", "64Mi", "--cpu", "100m", "--json", "--", "./hog", "tidy", "sleep", "60000")
	first.waitFor(t, "ready")
	file, above := memoryLimit(t, children(shimOf(t, first.Process.Pid))[0])

	most, ended := int64(0), make(chan struct{})
	var watching, running sync.WaitGroup
	watching.Go(func() {
		for {
			sum := limitsBelow(above, file)
			if most = max(most, sum); sum > machine {
				t.Errorf("the groups may take %d MiB together", sum>>20)
			}
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	rng := rand.New(rand.NewPCG(3, 4))
	for range all {
		memory, life, killed := 100+rng.IntN(500), 100+rng.IntN(400), rng.IntN(3) == 0
		after := time.Duration(rng.IntN(3000)) * time.Millisecond
		c := h.start(t, "run", "--node", node, "--memory", fmt.Sprintf("%dMi", memory), "--cpu", "100m", "--json", "--", "./hog", "sleep", strconv.Itoa(life))
		running.Go(func() {
			if killed {
				kill := time.AfterFunc(after, func() { _ = c.Process.Kill() })
				defer kill.Stop()
			}
			if r := c.end(t); !killed || r.exit >= 0 {
				r.want(t, 0, "succeeded")
			}
		})
	}
	running.Wait()
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	first.end(t)
	// It gets in when the tasks of the killed have ended.
	h.run(t, "run", "--node", node, "--memory", "1Gi", "--cpu", "100m", "--json", "--", "true").want(t, 0, "succeeded")
	close(ended)
	watching.Wait()
	if most < machine/2 {
		t.Errorf("at most %d MiB were given at a time: nothing was tested", most>>20)
	}
	left, err := filepath.Glob(filepath.Join(h.leases(), "[ct]*"))
	if err != nil || len(left) > 0 {
		t.Errorf("claims and tickets are left: %v, %v", left, err)
	}
}

// limitsBelow adds up what the attempts' groups in dir may take.
func limitsBelow(dir, file string) (sum int64) {
	groups, _ := filepath.Glob(filepath.Join(dir, "0*"))
	for _, group := range groups {
		content, err := os.ReadFile(filepath.Join(group, file))
		limit, parsed := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
		if err == nil && parsed == nil && limit < 1<<40 { // not one that is just being made
			sum += limit
		}
	}
	return sum
}
