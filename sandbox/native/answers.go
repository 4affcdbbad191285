// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"os"
	"slices"
	"time"
)

// How long file systems may take to answer. Those of this machine's own disks
// do, if late: a busy disk takes seconds for one look, and no task may lack its
// programs for that. Those of other machines and of programs may never do.
const (
	ownPatience     = time.Minute
	foreignPatience = 2 * time.Second
)

// silent are the mounts, of some that come parents first, that cannot be looked
// at: a look at one of a dead server hangs whoever takes it. They are asked at
// the same time; a goroutine that asks ends when the answer comes.
func silent(mounts []hostMount, ask func(point string) bool) map[string]bool {
	own, end := context.WithTimeout(context.Background(), ownPatience)
	defer end()
	foreign, end := context.WithTimeout(own, foreignPatience)
	defer end()
	answers := make([]chan bool, len(mounts))
	for i, m := range mounts {
		answers[i] = make(chan bool, 1)
		go func() { answers[i] <- m.file || ask(m.point) }()
	}
	all := map[string]bool{}
	for i, m := range mounts {
		limit := own
		if slices.ContainsFunc(mounts[:i+1], func(above hostMount) bool {
			return within(m.point, above.point) && !slices.Contains(layerable, above.fstype) && !above.file
		}) {
			limit = foreign
		}
		if !heard(answers[i], limit.Done()) {
			all[m.point] = true
		}
	}
	return all
}

// heard waits for an answer. One that is there counts, however late it is: this
// process may have been held up itself.
func heard(answer <-chan bool, over <-chan struct{}) bool {
	select {
	case ok := <-answer:
		return ok
	case <-over:
	}
	select {
	case ok := <-answer:
		return ok
	default:
		return false
	}
}

// isDirectory asks a mount point.
func isDirectory(point string) bool {
	info, err := os.Stat(point)
	return err == nil && info.IsDir()
}
