// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"path/filepath"
	"strings"
	"time"

	"drydock/sandbox"
)

// fakeDiskLook is between two looks at the disk.
const fakeDiskLook = 100 * time.Millisecond

// fakeDisk is what a program took of the disk, in bytes.
type fakeDisk struct {
	layer, log, scratch, deleted int64

	files   map[string]int64 // what each has
	largest sandbox.DirUse   // of the directories that it wrote into
	looked  time.Time
}

// write makes a file have n bytes where its path lies: in a mount of the task's
// own directory, in the root file system, or in a directory of the machine's,
// which does not count.
func (r *fakeRun) write(path string, n int64) *sandbox.Exit {
	if r.disk.files == nil {
		r.disk.files = map[string]int64{}
	}
	before := r.disk.files[path]
	r.disk.files[path] = n
	n -= before
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.spec.WorkDir, path)
	}
	dir := filepath.Dir(path)
	for _, m := range append(r.spec.Mounts, sandbox.Mount{Target: r.spec.WorkDir}) {
		if m.Target == "" || path != m.Target && !strings.HasPrefix(path, m.Target+"/") {
			continue
		}
		if m.Source == filepath.Join(r.spec.Dir, "work") {
			r.disk.scratch += n
			r.disk.grew(dir, n)
		}
		return nil
	}
	r.disk.layer += n
	r.disk.grew(dir, n)
	return nil
}

func (d *fakeDisk) grew(dir string, n int64) {
	if n > d.largest.Bytes {
		d.largest = sandbox.DirUse{Path: dir, Bytes: n}
	}
}

// sparse cuts a file, or adds a hole, which takes nothing.
func (r *fakeRun) sparse(args []string) *sandbox.Exit {
	return r.write(args[0], min(fakeMiB(args[1]), r.disk.files[args[0]]))
}

// hold writes a file that has no name any more.
func (r *fakeRun) hold(args []string) *sandbox.Exit {
	r.disk.deleted += fakeMiB(args[1])
	return nil
}

func (r *fakeRun) many(args []string) *sandbox.Exit {
	return r.write(args[0]+"/0", fakeNumber(args[1])*4096)
}

func (r *fakeRun) noise(args []string) *sandbox.Exit {
	return r.say(r.streams.Stdout, strings.Repeat(strings.Repeat(".", 1023)+"\n", int(fakeMiB(args[0])/1024)))
}

// evict looks at the disk, and kills above the limit.
func (r *fakeRun) evict(now time.Time) *sandbox.Exit {
	r.disk.looked = now
	if r.lookAtDisk(); r.out.Disk.Used <= r.out.Disk.Limit {
		return nil
	}
	r.note(sandbox.StopEvict, "SIGKILL")
	return fakeSignal("SIGKILL")
}

func (r *fakeRun) lookAtDisk() {
	limit := r.spec.Limits.Disk
	if limit <= 0 {
		return
	}
	d := &r.disk
	used := d.layer + d.log + d.scratch + d.deleted
	r.out.Disk = &sandbox.Disk{Limit: limit, Used: used, Peak: used, Time: time.Now().Round(0),
		Layer: d.layer, Log: d.log, Scratch: d.scratch, Deleted: d.deleted}
	if d.largest.Bytes > 0 {
		r.out.Disk.Largest = []sandbox.DirUse{d.largest}
	}
}
