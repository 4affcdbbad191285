// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/integration/guest/wire"
	"drydock/internal/need"
	"drydock/internal/provide"
)

// Machine is a guest and the tests to run in it. It has two processors, no
// network but the loopback interface, cgroup v2 alone, and root's rights.
type Machine struct {
	// Systemd makes systemd the first process.
	Systemd bool
	// Memory in MiB; 0: 2048.
	Memory int
	// Swap gives it a disk of so many MiB with swap space on it, not yet in
	// use; its device is in the environment variable DRYDOCK_TEST_SWAP.
	Swap int
	// Quota gives it a disk with this file system, "xfs" or "ext4", mounted on
	// /tmp with quotas for projects. It goes without Swap.
	Quota string
	// Keep is a disk's image here with a file system, mounted on wire.Keep, that
	// is as the machine leaves it; see KeptDisk. It goes without Swap and Quota.
	Keep string
	// Files are brought along: a name below wire.Payload, and the file or
	// directory here.
	Files map[string]string
	Tests []Tests
}

// Tests are the tests of one package.
type Tests struct {
	Name    string // of the subtest that shows them
	Package string // import path
	Run     string // which of them, as -test.run; "": all
	// User, if not empty, runs them in place of root, with a systemd of the
	// user's; the Machine needs Systemd.
	User string
	Args []string
	Env  []string
	// Limit is how long they may take. 0: as long as the whole may.
	Limit time.Duration
}

// payload is what a machine brings along and where it is assembled.
type payload struct {
	dir   string // its content
	files map[string]string
	plan  wire.Plan
}

// Run boots the machine and shows the tests in it as subtests of t. pattern, if
// not empty, stands in for the Run of all of them.
func (m Machine) Run(t *testing.T, pattern string) {
	parts := prepare(t)
	p := m.payload(t, parts.dir, pattern)
	if len(p.plan.Jobs) == 0 {
		t.Skipf("no test matches %q", pattern)
	}
	q := m.boot(t, parts, p)
	for i, job := range p.plan.Jobs {
		t.Run(job.Name, func(t *testing.T) {
			s := q.streams[i]
			replay(t, s)
			end := s.result() // 1 is a test binary's for a failed test
			if end.Error != "" || end.Exit != 0 && (end.Exit != 1 || !t.Failed()) {
				t.Errorf("exit status %d %s\n%s", end.Exit, end.Error, s.tail())
				q.explain(t)
			}
		})
	}
	q.end(t)
}

// RunUntilOff boots the machine and sees its one test pull the plug. What the
// test says before is shown where it does not.
func (m Machine) RunUntilOff(t *testing.T) {
	parts := prepare(t)
	p := m.payload(t, parts.dir, "")
	if len(p.plan.Jobs) != 1 {
		t.Fatalf("%d jobs", len(p.plan.Jobs))
	}
	q := m.boot(t, parts, p)
	<-q.off
	s := q.streams[0]
	if end := s.result(); end.Error != wentOff {
		replay(t, s)
		t.Fatalf("the test came to an end: exit status %d %s\n%s", end.Exit, end.Error, s.tail())
	}
}

// payload builds what the guest needs and writes the plan.
func (m Machine) payload(t *testing.T, dir, pattern string) payload {
	t.Helper()
	p := payload{dir: filepath.Join(dir, "payload"), files: m.Files, plan: wire.Plan{Systemd: m.Systemd, Swap: m.Swap > 0, Quota: m.Quota, Kept: m.Keep != ""}}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, filepath.Join(p.dir, "agent"), "build", "./agent")
	for _, tests := range m.Tests {
		binary := tests.Name + ".test"
		build(t, filepath.Join(p.dir, binary), "test", "-c", tests.Package)
		if pattern != "" {
			tests.Run = pattern
		}
		if hasTest(t, filepath.Join(p.dir, binary), tests.Run) {
			p.plan.Jobs = append(p.plan.Jobs, m.job(t, tests))
		}
	}
	plan, err := json.Marshal(p.plan)
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dir, wire.PlanFile), plan, 0o644)
	}
	for name, from := range p.files {
		if err == nil {
			err = copyAll(filepath.Join(p.dir, name), from)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// promised are the facilities that every guest has.
const promised = "root,cgroups,python3,java"

// asUser runs a command as an ordinary user who has a systemd.
const asUser = `set -e
loginctl enable-linger "$0"
systemctl start "user@$(id -u "$0").service"
exec runuser -u "$0" -- env HOME="/home/$0" USER="$0" "$@"`

func (m Machine) job(t *testing.T, tests Tests) wire.Job {
	limit := tests.Limit
	if deadline, ok := t.Deadline(); ok && limit == 0 {
		limit = time.Until(deadline) - time.Minute
	}
	if limit <= 0 {
		limit = time.Hour
	}
	args := []string{
		filepath.Join(wire.Payload, tests.Name+".test"), "-test.v=test2json", "-test.paniconexit0",
		"-test.timeout=" + limit.String(), "-test.run=" + tests.Run,
	}
	if tests.User != "" {
		args = append([]string{"/bin/sh", "-c", asUser, tests.User}, args...)
	}
	return wire.Job{
		Name: tests.Name, Dir: wire.Payload, Limit: limit + 5*time.Second,
		Args: append(args, tests.Args...), Env: append(m.env(), tests.Env...),
	}
}

// env tells the tests where they are and what they have there.
func (m Machine) env() []string {
	promise, more := promised, []string(nil)
	if m.Systemd {
		promise += ",systemd"
	}
	if m.Swap > 0 {
		promise += ",swap"
		more = append(more, "DRYDOCK_TEST_SWAP=/dev/vdc")
	}
	if m.Quota != "" {
		promise += ",quota"
	}
	bin := filepath.Join(wire.Payload, "bin")
	return append(more, need.GuestVariable+"=1", need.RequireVariable+"="+promise, "DRYDOCK_BIN="+bin, "DRYDOCK_HOG="+filepath.Join(bin, "hog"))
}

// boot makes the disks and switches the machine on.
func (m Machine) boot(t *testing.T, parts parts, p payload) *qemu {
	t.Helper()
	h := hardware{
		kernel: parts.kernel, initrd: filepath.Join(parts.dir, "initrd"), dir: parts.dir, jobs: len(p.plan.Jobs),
		memory: m.Memory, disks: []disk{{path: parts.root}, {path: filepath.Join(parts.dir, "payload.ext4"), readOnly: true}},
	}
	if h.memory == 0 {
		h.memory = 2048
	}
	err := writeInitrd(h.initrd, filepath.Join(p.dir, "agent"), parts.modules)
	if err == nil {
		err = makeImage(t.Context(), h.disks[1].path, p.dir, imageSize(p.dir))
	}
	if err == nil && m.Swap > 0 {
		h.disks = append(h.disks, disk{path: filepath.Join(parts.dir, "swap")})
		err = sparse(h.disks[2].path, int64(m.Swap)<<20)
	}
	if err == nil && m.Keep != "" {
		h.disks = append(h.disks, disk{path: m.Keep, keep: true})
	}
	if err == nil && m.Quota != "" {
		h.disks = append(h.disks, disk{path: filepath.Join(parts.dir, "quota")})
		err = quotaImage(t.Context(), h.disks[2].path, m.Quota)
	}
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	q, err := boot(context.WithoutCancel(t.Context()), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.stop(); <-q.off })
	t.Logf("Linux %s, %s, clock %s: ready %.1f s after the start, %.1f s by its own clock",
		q.greeting.Kernel, q.accel, q.greeting.Clock, time.Since(begin).Seconds(), q.greeting.Uptime)
	return q
}

// end waits for the machine to switch itself off.
func (q *qemu) end(t *testing.T) {
	t.Helper()
	select {
	case <-q.off:
	case <-time.After(time.Minute):
		t.Error("the guest did not switch itself off")
		q.explain(t)
		q.stop()
		<-q.off
	}
	if q.fatal != "" {
		t.Error(q.fatal)
	}
}

// explain shows what the guest's kernel and QEMU had to say.
func (q *qemu) explain(t *testing.T) {
	t.Helper()
	select {
	case <-q.off:
	case <-time.After(time.Second): // it goes on with the next job
	}
	t.Log(q.lastWords())
}

// KeptDisk makes an image for Machine.Keep.
func KeptDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keep")
	err := sparse(path, 512<<20)
	if err == nil {
		_, err = provide.Output(t.Context(), "", "mke2fs", "-q", "-F", "-t", "ext4", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// quotaImage makes an image that can be mounted with quotas for projects.
func quotaImage(ctx context.Context, path, kind string) error {
	if err := sparse(path, 3<<30); err != nil {
		return err
	}
	command := []string{"mkfs.xfs", "-q", path}
	if kind == "ext4" {
		command = []string{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "quota,project", "-E", "lazy_itable_init=1", path}
	}
	_, err := provide.Output(ctx, "", command[0], command[1:]...)
	return err
}

func sparse(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

// imageSize is room for the files of a directory.
func imageSize(dir string) string {
	var bytes int64
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			bytes += info.Size() + 4096
		}
		return nil
	})
	return fmt.Sprintf("%dM", bytes*11/10>>20+16)
}
