// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

const mib = 1 << 20

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// here returns a way that can be had in dir.
func here(t testing.TB, dir string) Way {
	t.Helper()
	need.Root(t)
	way, err := Find(dir)
	if err != nil {
		need.Skip(t, "loop", err.Error())
	}
	return way
}

func hold(t testing.TB, size int64) *Hold {
	t.Helper()
	dir := t.TempDir()
	h, err := Make(here(t, dir), filepath.Join(dir, "top"), size)
	must(t, err)
	t.Cleanup(func() { must(t, h.Release()) })
	return h
}

// Where the test's surroundings have quotas for projects, they are taken.
func TestFindsQuota(t *testing.T) {
	if !need.InGuest() || !need.Promised("quota") {
		need.Gap(t, "needs a file system with quotas for projects (make test-v2 has two)")
	}
	if way := here(t, t.TempDir()); way != Quota {
		t.Errorf("found %q", way)
	}
}

func usedOf(t testing.TB, h *Hold) int64 {
	t.Helper()
	used, noFiles, err := h.Used()
	must(t, err)
	if noFiles {
		t.Error("there is no inode left")
	}
	return used
}

// fill writes until something fails and returns how much was written.
func fill(path string) (written int64, err error) {
	err = bound(func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for chunk := make([]byte, 64<<10); ; {
			n, err := f.Write(chunk)
			written += int64(n)
			if err != nil {
				return err
			}
		}
	})
	return written, err
}

// All of the limit can be written, and no more.
func TestHolds(t *testing.T) {
	for _, size := range []int64{mib, 16 * mib, 100*mib + 4096, 300 * mib} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			h := hold(t, size)
			if used := usedOf(t, h); used > 2*4096 {
				t.Errorf("%d bytes are taken at first", used)
			}
			n, err := fill(h.Data() + "/x")
			if !full(err) || n > size || n < size-size/50-64<<10 {
				t.Errorf("%d bytes, then %v", n, err)
			}
			if used := usedOf(t, h); used > size+64<<10 || used < size-64<<10 {
				t.Errorf("%d bytes are taken in the end", used)
			}
			must(t, os.Remove(h.Data()+"/x"))
		})
	}
}

// The limits that people ask for can all be had.
func TestSizes(t *testing.T) {
	for size := int64(mib); size <= 4<<40; size *= 7 {
		if used := usedOf(t, hold(t, size)); used > 2*4096 {
			t.Errorf("of %d bytes %d are taken", size, used)
		}
	}
}

// Many small files find room in the same way.
func TestSmallFiles(t *testing.T) {
	h := hold(t, 4*mib)
	var n int
	err := bound(func() (err error) {
		for ; err == nil; n++ {
			err = os.WriteFile(fmt.Sprintf("%s/%d", h.Data(), n), []byte{1}, 0o600)
		}
		return err
	})
	if !full(err) || n < 900 {
		t.Errorf("%d files, then %v", n, err)
	}
}

// Two on one file system have a limit each.
func TestNeighbours(t *testing.T) {
	one, other := hold(t, 4*mib), hold(t, 4*mib)
	if _, err := fill(one.Data() + "/x"); !full(err) {
		t.Error(err)
	}
	if used := usedOf(t, other); used > 2*4096 {
		t.Errorf("the other has %d bytes", used)
	}
}

// A file that was deleted and is open takes its room until it is closed.
func TestDeletedTakesRoom(t *testing.T) {
	h := hold(t, 4*mib)
	f, err := os.Create(h.Data() + "/x")
	must(t, err)
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, 3*mib))
	must(t, os.Remove(f.Name()))
	if n, err := fill(h.Data() + "/y"); !full(err) || n > mib {
		t.Errorf("%d bytes, then %v", n, err)
	}
	must(t, f.Close())
}

// loops are the loop devices of ours.
func loops(t *testing.T) []string {
	t.Helper()
	var ours []string
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	must(t, err)
	for _, file := range files {
		if data, _ := os.ReadFile(file); strings.Contains(string(data), imageName) {
			ours = append(ours, strings.TrimSpace(string(data)))
		}
	}
	return ours
}

// What a killed process left in everybody's namespace is cleaned with its
// content, device and image; cleaning twice does no harm.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	way, top := here(t, dir), filepath.Join(dir, "top")
	h, err := Make(way, top, 4*mib)
	must(t, err)
	must(t, os.WriteFile(h.Data()+"/x", make([]byte, mib), 0o600))
	must(t, h.fs.Close()) // as the end of the process would
	for range 2 {
		must(t, Clean(top))
		must(t, os.RemoveAll(top))
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, image := range loops(t) {
		if strings.HasPrefix(image, dir) {
			t.Errorf("a device still has %s", image)
		}
	}
}

// A way that fails leaves nothing.
func TestFailure(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, imageName), nil, 0o600))
	_, err := Make(Loop, filepath.Join(dir, "top"), mib)
	failed, ok := errors.AsType[*sandbox.UnsupportedError](err)
	if !ok || !strings.Contains(failed.What, "file exists") || !strings.Contains(failed.Remedy, "evict") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// An ordinary user is told what to do.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() == 0 {
		err := Impossible("quotas and loop devices are root's", "run drydock as root")
		spec, ok := errors.AsType[*sandbox.SpecError](err)
		if !ok || !strings.Contains(spec.Remedy, "--disk-enforce=evict") || !strings.Contains(spec.Remedy, "as root") {
			t.Errorf("got %v", err)
		}
		return
	}
	if _, err := Find(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--disk-enforce=evict") {
		t.Errorf("got %v", err)
	}
}

// BenchmarkMake is what a hard limit costs at the start and the end of a task.
func BenchmarkMake(b *testing.B) {
	dir := b.TempDir()
	way, top := here(b, dir), filepath.Join(dir, "top")
	for b.Loop() {
		h, err := Make(way, top, 10<<30)
		must(b, err)
		must(b, h.Release())
		must(b, os.RemoveAll(top))
	}
}
