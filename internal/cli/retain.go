// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"drydock/integration/flyte"
	"drydock/internal/config"
	"drydock/internal/history"
	"drydock/internal/options"
	"drydock/internal/report"
	"drydock/internal/state"
)

// keeping says which ended tasks stay when nobody prunes: a state directory is
// not to grow for ever. Nil: that does not matter.
type keeping struct {
	age   *time.Duration // since their end
	tasks *int           // the newest
	size  *int64         // bytes of disk, of the newest together
	sizes func(dir string) int64
}

var _ chooser = keeping{}

// keepingOf is what the settings say.
func keepingOf(s *config.Settings) (k keeping, err error) {
	var errs [3]error
	k.age, errs[0] = options.RetainFor(s.Get("retain_for").Text)
	k.tasks, errs[1] = options.RetainTasks(s.Get("retain_tasks").Text)
	k.size, errs[2] = options.RetainSize(s.Get("retain_size").Text)
	if k.size != nil && *k.size == 0 {
		*k.size = usualSize(s.Get("state_dir").Text)
	}
	k.sizes = diskUse
	return k, errors.Join(errs[:]...)
}

const (
	mostUsualSize = 20 << 30
	usualShare    = 10 // of the file system
)

// usualSize is what ended tasks may take of the disk that a directory is on.
func usualSize(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Blocks == 0 {
		return mostUsualSize
	}
	return min(mostUsualSize, int64(st.Blocks)*st.Bsize/usualShare)
}

func (k keeping) isOff() bool { return k.age == nil && k.tasks == nil && k.size == nil }

// choose leaves the tasks that need not stay; they come newest first. The
// newest stays, however large.
func (k keeping) choose(tasks []history.Task, now time.Time) []history.Task {
	var gone []history.Task
	total, full := int64(0), false
	for i := range tasks {
		t := &tasks[i]
		if k.tasks != nil && i >= *k.tasks || k.age != nil && now.Sub(endOf(t)) >= *k.age {
			gone = append(gone, *t)
			continue
		}
		if k.size != nil && !full {
			total += k.sizes(t.Dir)
			full = total > *k.size && i > 0
		}
		if full {
			gone = append(gone, *t)
		}
	}
	return gone
}

// Files that are touched when ended tasks, or runs, begin to be looked through.
const (
	retainedFile     = "retained"
	retainedRunsFile = "retained-runs"
)

const (
	retainEvery     = 10 * time.Minute
	retainRunsEvery = 24 * time.Hour // it looks at every file of the store
	// retainWait is how long a command that is done waits for the end of it.
	retainWait = 5 * time.Second
)

// retaining is retain beside a command that may speak on standard error.
func retaining(ctx context.Context, w World, s *config.Settings, quiet bool) (end func()) {
	stop := retain(ctx, w, s)
	return func() {
		if text := stop(); text != "" && !quiet {
			fmt.Fprintf(w.Stderr, "drydock: %s\n", text)
		}
	}
}

// retain removes what the settings do not keep, beside what the command does:
// now, when nobody has for a while, and then again and again. end ends that; it
// returns a sentence about what was removed, or "".
func retain(ctx context.Context, w World, s *config.Settings) (end func() string) {
	k, err := keepingOf(s)
	if err != nil || k.isOff() { // settings were checked when they were read
		return func() string { return "" }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all removed
	finish, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with end
		defer close(done)
		for {
			all.add(sweep(ctx, w, s, k))
			select {
			case <-finish:
				return
			case <-time.After(retainEvery):
			}
		}
	}()
	return func() string {
		close(finish)
		select {
		case <-done:
		case <-time.After(retainWait): // it goes on from there another time
			cancel()
			<-done
		}
		cancel()
		return all.String()
	}
}

// removed is how much was.
type removed struct {
	tasks int
	bytes int64
}

func (r *removed) add(p pruned) {
	r.tasks += len(p.Tasks)
	r.bytes += p.Bytes
}

// String is a sentence, or "" for nothing.
func (r *removed) String() string {
	if r.tasks == 0 {
		return ""
	}
	return fmt.Sprintf("removed the oldest %s that had ended, %s of disk (settings retain_for, retain_tasks, retain_size)",
		counted(r.tasks, "task"), report.Size(r.bytes))
}

// sweep removes what is not kept, unless that was done a moment ago. That
// something goes wrong is no reason to bother a task: the next one tries again,
// and drydock prune says it.
func sweep(ctx context.Context, w World, s *config.Settings, k keeping) (doc pruned) {
	stateDir := s.Get("state_dir").Text
	if !exists(stateDir) || !due(filepath.Join(stateDir, retainedFile), retainEvery) || !anyTask(stateDir) {
		return doc
	}
	d := &desk{w: w, settings: s, stateDir: stateDir, quiet: true}
	if x, err := d.openIndex(ctx); err != nil || x == nil {
		return doc
	}
	defer func() { _ = d.index.Close() }()
	_ = d.prune(ctx, k, &doc)
	return doc
}

// due reports whether nothing was done for so long, and notes that it is now.
func due(stamp string, every time.Duration) bool {
	if info, err := os.Stat(stamp); err == nil && time.Since(info.ModTime()).Abs() < every {
		return false
	}
	if f, err := os.OpenFile(stamp, os.O_CREATE|os.O_WRONLY, 0o600); err == nil { // a full disk is a reason to go on
		_ = f.Close()
		_ = os.Chtimes(stamp, time.Time{}, time.Now())
	}
	return true
}

// retainRuns removes Flyte runs that ended longer ago than the settings keep
// them, and their files. It is for who is about to serve them: with a server
// on them nobody may.
func retainRuns(ctx context.Context, w World, s *config.Settings, quiet bool) {
	k, err := keepingOf(s)
	stateDir := s.Get("state_dir").Text
	if err != nil || k.age == nil || !exists(filepath.Join(stateDir, "runs")) || !due(filepath.Join(stateDir, retainedRunsFile), retainRunsEvery) {
		return
	}
	done, err := flyte.Home{StateDir: stateDir}.Prune(ctx, flyte.Prune{OlderThan: *k.age, Now: w.Now()})
	if err == nil && len(done.Runs) > 0 && !quiet {
		fmt.Fprintf(w.Stderr, "drydock: removed %s that ended long ago with %s of theirs, %s of disk (setting retain_for)\n",
			counted(len(done.Runs), "Flyte run"), counted(done.Objects, "file"), report.Size(done.Bytes))
	}
}

// anyTask reports whether there is a task.
func anyTask(stateDir string) bool {
	dir, err := state.Open(stateDir)
	if err != nil {
		return false
	}
	ids, err := dir.TaskIDs()
	return err == nil && len(ids) > 0
}
