// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"os"
	"sync"
	"time"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/supervise/client"
)

// An orphan is a sandbox whose supervisor died: an engine keeps the container
// running, and the kernel takes a moment to end a native one. It counts as long
// as its own cgroup has processes. What nobody can see into (an engine on
// another machine, one with cgroups of its own) takes nothing of this machine,
// or cannot be told from what has ended.

// orphan reads a lease that nobody holds, and whose sandbox goes on.
func (d dir) orphan(f *os.File, name string, l *client.Lease) bool {
	return orphans.inhabited(d.path(name), name) && decode(f, l)
}

// orphans remembers where the groups of dead leases lie: the directory is read
// at every look, and another user's dead lease may stay for long.
var orphans = orphanGroups{find: cgroup.Find, has: cgroup.Inhabited}

type orphanGroups struct {
	find func(name string) string
	has  func(group string) bool

	mu    sync.Mutex // guards found
	found map[string]orphanGroup
}

type orphanGroup struct {
	dir    string    // "": there was none
	looked time.Time // for one
}

// inhabited reports whether the sandbox of a dead lease has processes. An
// engine may just be making the group: one that was not found is looked for
// again.
func (o *orphanGroups) inhabited(lease, name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	group, known := o.found[lease]
	if !known || group.dir == "" && time.Since(group.looked) >= pollEvery {
		if o.found == nil || len(o.found) >= mostOrphans {
			o.found = map[string]orphanGroup{}
		}
		group = orphanGroup{o.find(name), time.Now()}
		o.found[lease] = group
	}
	return group.dir != "" && o.has(group.dir)
}

// mostOrphans bounds what is remembered.
const mostOrphans = 1000
