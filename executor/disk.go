// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"strconv"
	"strings"

	"drydock/resources"
	"drydock/sandbox"
)

// flyteEvicted is what Flyte makes of an evicted pod: its container's 137
// overrides the pod's own reason (flytek8s/pod_helper.go).
const flyteEvicted = "on a cluster look for it under another name: the pod is Evicted and its container ContainerStatusUnknown with 137, " +
	"which Flyte calls Interrupted, a system error, with this text in its message"

// evicted says what a kubelet says (pkg/kubelet/eviction/helpers.go,
// podEphemeralStorageMessageFmt): with one container the pod's total is the
// limit that comes first.
func evicted(e *evidence) Verdict {
	v := Verdict{Class: Evicted, Code: CodeEvicted, Kind: KindUser}
	d := e.o.Disk
	if d == nil { // an outcome of somebody else's making
		v.Message = "the task used more disk than it asked for"
		v.Hints = []string{"ask for more with disk=, or write less into its own file system", flyteEvicted}
		return v
	}
	v.Message = fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s: %s used (%s)",
		resources.FormatSize(d.Limit), size(d.Used), diskParts(d))
	v.Hints = append(v.Hints, largestText(d)...)
	v.Hints = append(v.Hints, e.moreDisk(), flyteEvicted)
	if seen := d.Used - d.Deleted; d.Deleted > 0 && seen <= d.Limit {
		v.Hints = append(v.Hints, fmt.Sprintf("%s of it are deleted files that are still open: a kubelet that walks directories does not see them, one that counts by quota does", size(d.Deleted)))
	}
	return v
}

// diskParts splits the use as a kubelet adds it up.
func diskParts(d *sandbox.Disk) string {
	parts := []string{"root file system " + size(d.Layer), "log " + size(d.Log)}
	if d.Scratch > 0 {
		parts = append(parts, "working directory "+size(d.Scratch))
	}
	if d.Deleted > 0 {
		parts = append(parts, "deleted but open "+size(d.Deleted))
	}
	return strings.Join(parts, ", ")
}

func largestText(d *sandbox.Disk) []string {
	var names []string
	for _, l := range d.Largest {
		names = append(names, fmt.Sprintf("%s %s", pathText(l.Path), size(l.Bytes)))
	}
	if names == nil {
		return nil
	}
	return []string{"most of it is in " + strings.Join(names, ", ")}
}

// longestPath is how much of a path a sentence shows.
const longestPath = 200

// pathText is a path of the program's choice, or a sentence that begins with
// one, fit for a terminal.
func pathText(path string) string {
	if len(path) > longestPath {
		path = "…" + path[len(path)-longestPath:]
	}
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` {
		return quoted
	}
	return path
}

// moreDisk is what to ask for. What was used when it was seen says no more of
// what is wanted than a memory limit that was hit.
func (e *evidence) moreDisk() string {
	d := e.o.Disk // what is held never took more than it may
	next, ok := resources.NextMemory(max(d.Used-d.Held, d.Limit), suggestFactor, 0)
	if !ok {
		return "write less into its own file system"
	}
	asked := e.opts.Asked
	asked.Disk = next
	return "try " + asked.Python() + ", or delete what is no longer needed while it runs"
}

// diskHints are worth knowing of a task that was not stopped for its disk use.
func (e *evidence) diskHints() []string {
	d := e.o.Disk
	hints := e.fullHints()
	if d == nil {
		return hints
	}
	if d.Over() || d.Peak > d.Limit && len(d.Hard) == 0 {
		hints = append(hints, fmt.Sprintf("it had %s on disk, more than the %s that it asked for, and ended before a look found it so: a cluster looks every 10 s or so, and evicts what runs then; %s",
			size(d.Peak), resources.FormatSize(d.Limit), e.moreDisk()))
	}
	if d.Incomplete != "" {
		hints = append(hints, "its disk use was not measured in full: "+pathText(d.Incomplete))
	}
	return hints
}
