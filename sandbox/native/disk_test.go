// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/internal/need"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/disk/hard"
)

// smallDisk mounts a file system of 64 MiB and returns a state directory on it.
func smallDisk(t *testing.T) string {
	t.Helper()
	need.Root(t)
	mkfs := need.Program(t, "mkfs.ext4")
	dir := t.TempDir()
	image, point := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	for _, words := range [][]string{
		{"truncate", "-s", "64M", image}, {mkfs, "-q", "-F", "-m", "0", image}, {"mkdir", point}, {"mount", "-o", "loop", image, point},
	} {
		if said, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			need.Skip(t, "loop", strings.Join(words, " ")+": "+string(said))
		}
	}
	t.Cleanup(func() {
		if said, err := exec.Command("umount", point).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, said)
		}
	})
	return filepath.Join(point, "state")
}

// onSmallDisk runs a script whose state lies on a disk of 64 MiB, of which it
// may take much more than there is.
func onSmallDisk(t *testing.T, enforce sandbox.DiskEnforce, script string) *executor.Result {
	t.Helper()
	runnable(t)
	nothingLeft(t)
	leases := t.TempDir()
	x, err := executor.New(executor.Config{Sandbox: newSandbox(t, shim(t), leases), StateDir: smallDisk(t), LeaseDir: leases,
		Capacity: executor.Capacity{CPUMilli: 1000, Memory: 1 << 30, Disk: 10 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := x.Run(t.Context(), executor.Task{
		Command: []string{"sh", "-c", script}, WorkDir: t.TempDir(), Scratch: "/scratch",
		Resources: resources.Resources{Memory: resources.Of("256Mi"), Disk: "1Gi"}, DiskEnforce: enforce,
	})
	if r == nil || len(r.Attempts) == 0 {
		t.Fatalf("no attempt: %+v", r)
	}
	return r
}

// A full disk of the machine's is never called the task's.
func TestHostDiskFull(t *testing.T) {
	for _, tc := range []struct {
		name    string
		enforce sandbox.DiskEnforce
		script  string
	}{
		{"polled", sandbox.DiskEvict, "dd if=/dev/zero of=/tmp/x bs=64k count=2000"},
		{"polled, tidied up", sandbox.DiskEvict, "dd if=/dev/zero of=/tmp/x bs=64k count=2000; code=$?; sleep 2; rm /tmp/x; exit $code"},
		{"hard, written through", sandbox.DiskHard, "dd if=/dev/zero of=/scratch/x bs=64k count=2000 conv=fsync"},
		{"hard, success in memory alone", sandbox.DiskHard, "dd if=/dev/zero of=/tmp/x bs=64k count=2000; sync; sleep 0.2; exit 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := onSmallDisk(t, tc.enforce, tc.script)
			o := r.Attempts[0].Outcome
			if v := r.Verdict; v.Code != executor.CodeHostDiskFull || v.Kind != executor.KindSystem {
				t.Errorf("got %s of kind %s: %s\nfull %+v, disk %+v, exit %+v\n%s", v.Code, v.Kind, v.Message, o.FullDisks, o.Disk, o.Exit, o.Tail)
			}
		})
	}
}

// The task's own limit is the task's, also where the disk below is small.
func TestOwnDiskFull(t *testing.T) {
	runnable(t)
	nothingLeft(t)
	if _, err := hard.Find(t.TempDir()); err != nil {
		need.Skip(t, "loop", err.Error())
	}
	leases := t.TempDir()
	x, err := executor.New(executor.Config{Sandbox: newSandbox(t, shim(t), leases), StateDir: t.TempDir(), LeaseDir: leases,
		Capacity: executor.Capacity{CPUMilli: 1000, Memory: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"/tmp", "/var/tmp", "/own"} {
		r, _ := x.Run(t.Context(), executor.Task{
			Command: []string{"sh", "-c", "dd if=/dev/zero of=" + place + "/x bs=64k count=1000"}, WorkDir: t.TempDir(), Scratch: "/own",
			Resources: resources.Resources{Memory: resources.Of("256Mi"), Disk: "16Mi"}, DiskEnforce: sandbox.DiskHard,
		})
		if v := r.Verdict; v.Code != executor.CodeDiskFull || !strings.Contains(strings.Join(v.Hints, "\n"), `disk="32Mi"`) {
			t.Errorf("%s: %s: %s %q", place, v.Code, v.Message, v.Hints)
		}
	}
}

// A limit that does not hold what the sandbox makes itself is refused before
// anything is made; the smallest that is not runs a program.
func TestLeastHardLimit(t *testing.T) {
	runnable(t)
	nothingLeft(t)
	if _, err := hard.Find(t.TempDir()); err != nil {
		need.Skip(t, "loop", err.Error())
	}
	leases := t.TempDir()
	x, err := executor.New(executor.Config{Sandbox: newSandbox(t, shim(t), leases), StateDir: t.TempDir(), LeaseDir: leases,
		Capacity: executor.Capacity{CPUMilli: 1000, Memory: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	for disk, class := range map[resources.Quantity]executor.Class{"1023Ki": executor.Refused, "1Mi": executor.Succeeded} {
		r, err := x.Run(t.Context(), executor.Task{Command: []string{"true"}, WorkDir: t.TempDir(), Scratch: "/own", DiskEnforce: sandbox.DiskHard,
			Resources: resources.Resources{Memory: resources.Of("256Mi"), Disk: disk}})
		if r.Verdict.Class != class {
			t.Errorf("%s: %s: %s (%v)", disk, r.Verdict.Class, r.Verdict.Message, err)
		}
	}
}

// An ordinary user is refused, and told what to do.
func TestHardAsUser(t *testing.T) {
	if os.Geteuid() == 0 {
		need.Gap(t, "needs an ordinary user of a guest (make test-v2 has one)")
	}
	s := newSandbox(t, shim(t), t.TempDir())
	spec := sandbox.Spec{ID: ulid.Make().String(), Attempt: 1, Dir: t.TempDir(), Args: []string{"true"}, WorkDir: t.TempDir(), Grace: time.Second,
		Limits: sandbox.Limits{Memory: 64 << 20, Disk: 16 << 20, DiskEnforce: sandbox.DiskHard}}
	_, err := s.Start(t.Context(), spec, sandbox.Streams{})
	refused, ok := errors.AsType[*sandbox.SpecError](err)
	if !ok || !strings.Contains(refused.Remedy, "--disk-enforce=evict") {
		t.Errorf("got %v", err)
	}
}

// The same where a quota holds the limit, of which there is much left.
func TestQuotaHostDiskFull(t *testing.T) {
	runnable(t)
	if !need.InGuest() || !need.Promised("quota") {
		need.Gap(t, "fills a file system with quotas for projects (make test-v2 has two)")
	}
	nothingLeft(t)
	state, leases := t.TempDir(), t.TempDir()
	fillUp(t, filepath.Join(t.TempDir(), "ballast"), 64<<20)
	x, err := executor.New(executor.Config{Sandbox: newSandbox(t, shim(t), leases), StateDir: state, LeaseDir: leases,
		Capacity: executor.Capacity{CPUMilli: 1000, Memory: 1 << 30, Disk: 10 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := x.Run(t.Context(), executor.Task{
		Command: []string{"sh", "-c", "dd if=/dev/zero of=/scratch/x bs=64k count=3000 conv=fsync"}, WorkDir: t.TempDir(), Scratch: "/scratch",
		Resources: resources.Resources{Memory: resources.Of("256Mi"), Disk: "1Gi"}, DiskEnforce: sandbox.DiskHard,
	})
	if v := r.Verdict; v.Code != executor.CodeHostDiskFull {
		t.Errorf("got %s: %s\n%+v", v.Code, v.Message, r.Attempts)
	}
	if d := r.Attempts[0].Outcome.Disk; d == nil || len(d.Hard) == 0 || d.Hard[0].Way != "quota" || d.Hard[0].Peak > 80<<20 {
		t.Errorf("disk is %+v", d)
	}
}

// fillUp allocates all but some of a file system.
func fillUp(t *testing.T, path string, leave int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bfree)*st.Bsize-leave); err != nil {
		t.Fatal(err)
	}
}
