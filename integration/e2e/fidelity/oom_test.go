// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/internal/fidelity"
	"drydock/resources"
)

type (
	facts = fidelity.Facts
	doing = map[string]func(t *testing.T, l *lab) facts
)

var _ = register(doing{
	"oom-main": hogs("32Mi", "touch", "64"),
	// 1 MiB at a time.
	"oom-main-slow":   hogs("32Mi", slices.Repeat([]string{"touch", "1", "sleep", "20"}, 64)...),
	"oom-child-exit0": shell("32Mi", "./hog touch 64; echo child $?; exit 0"),
	"oom-child-exit3": shell("32Mi", "./hog touch 64; echo child $?; exit 3"),
	// The kubelet's slept for 15 s, for which a child may hardly run on a machine that is busy.
	"oom-child-bg":       shell("32Mi", "./hog touch 64 & sleep 120; echo main goes on; exit 0"),
	"single-child-exit0": singleKill("./hog touch 64; echo child $?; exit 0"),
	"single-child-exit3": singleKill("./hog touch 64; echo child $?; exit 3"),
	"oom-burst":          burst,
	"oom-podlevel":       hogs("48Mi", "touch", "64"),
	"pagecache":          pageCache,
	"allocatable":        allocatable,
	"lim-1mi":            hogs("1Mi", "out", "runs"),
	"lim-2mi":            hogs("2Mi", "out", "runs"),
	"lim-3mi":            hogs("3Mi", "out", "runs"),
	"lim-4mi":            hogs("4Mi", "out", "runs"),
	"lim-6mi":            hogs("6Mi", "out", "runs"),
	"lim-8mi":            hogs("8Mi", "out", "runs"),
	"lim-16mi":           hogs("16Mi", "out", "runs"),
})

// hogs is a task whose main process is hog.
func hogs(limit resources.Quantity, words ...string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		return l.run(t, job{args: words, res: memory(limit)}).status(t)
	}
}

// shell is a task whose main process is a shell; what it prints counts.
func shell(limit resources.Quantity, script string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		e := l.run(t, job{sh: script, res: memory(limit)})
		return e.said(e.status(t))
	}
}

func singleKill(script string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		e := l.run(t, job{sh: script, res: memory("32Mi"), profile: func(p *resources.Profile) { p.Cgroup.SingleProcessOOMKill = true }})
		return e.said(e.status(t))
	}
}

// burst starts several at once; not one OOM may be missed.
func burst(t *testing.T, l *lab) facts {
	const n = 6
	ends := make([]string, n)
	t.Run("all", func(t *testing.T) { // returns when all are done
		for i := range n {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				f := l.run(t, job{args: []string{"touch", "64"}, res: memory("32Mi")}).status(t)
				ends[i] = f["reason"] + " " + f["exit"]
			})
		}
	})
	slices.Sort(ends)
	return facts{"ends": "all " + strings.Join(slices.Compact(ends), ", ")}
}

// pageCache fills the limit with the pages of a file, which kills nobody.
func pageCache(t *testing.T, l *lab) facts {
	e := l.run(t, job{sh: "./hog fill /tmp/f 48 && cat /tmp/f /tmp/f /tmp/f >/dev/null", res: memory("32Mi")})
	out := e.attempt(t).Outcome
	f := with(e.status(t), "oom kills", fmt.Sprint(out.Counters.OOMKill), "peak", fmt.Sprint(out.Memory.Peak))
	// The kernel charges in batches: it is seen at most that far below.
	const batch = 64 * 4096
	if limit := out.Memory.Limit; out.Memory.Peak <= limit && out.Memory.Peak > limit-batch {
		f["peak"] = "the limit"
	}
	return f
}

// allocatable lets a task within its own limit use up what all have together:
// the group above all tasks is limited while one sleeps and another hogs.
func allocatable(t *testing.T, l *lab) facts {
	sb := l.newSandbox(t, t.TempDir()) // with a group of its own
	var f facts
	l.run(t, job{args: waiting, res: memory("100Mi"), sandbox: sb, during: func(t *testing.T, r *live) {
		defer r.stop(errors.New("seen enough"))
		r.says(t, "ready")
		if err := os.WriteFile(l.groupOfAll(t, r.pid), []byte("40M"), 0o644); err != nil {
			t.Error(err)
			return
		}
		f = l.run(t, job{args: []string{"touch", "60"}, res: memory("100Mi"), sandbox: sb}).status(t)
	}})
	return f
}

// groupOfAll is the limit of the group that holds the groups of all tasks.
func (l *lab) groupOfAll(t *testing.T, pid int) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case l.Cgroup == 1 && fields[1] == "memory": // BASE/TASK, and an engine's container below it
			base := filepath.Dir(fields[2])
			if l.image != "" {
				base = filepath.Dir(base)
			}
			return filepath.Join("/sys/fs/cgroup/memory", base, "memory.limit_in_bytes")
		case l.Cgroup == 2 && fields[1] == "": // BASE/TASK/leaf
			return filepath.Join("/sys/fs/cgroup", filepath.Dir(filepath.Dir(fields[2])), "memory.max")
		}
	}
	return ""
}
