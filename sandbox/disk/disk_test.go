// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func write(t testing.TB, path string, n int) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, make([]byte, n), 0o644))
}

func look(t testing.TB, p Places) sandbox.Disk {
	t.Helper()
	d, err := (&Meter{Limit: 20 * mib}).Measure(t.Context(), p)
	must(t, err)
	return d
}

func layerOf(dir string) Places {
	return Places{Places: []Place{{Kind: Layer, Path: dir, Inside: "/"}}}
}

// Every way to fill a directory counts for what it takes, and no more.
func TestFills(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fill  func(t *testing.T, dir string)
		least int64
		most  int64
	}{
		{"write", func(t *testing.T, dir string) { write(t, dir+"/x", 8*mib) }, 8 * mib, 8*mib + 64<<10},
		{"mmap", func(t *testing.T, dir string) {
			write(t, dir+"/x", 0)
			must(t, os.Truncate(dir+"/x", 8*mib))
			f, err := os.OpenFile(dir+"/x", os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			pages, err := unix.Mmap(int(f.Fd()), 0, 8*mib, unix.PROT_WRITE, unix.MAP_SHARED)
			must(t, err)
			for i := 0; i < len(pages); i += 4096 {
				pages[i] = 1
			}
			must(t, unix.Munmap(pages))
		}, 8 * mib, 8*mib + 64<<10},
		{"fallocate", func(t *testing.T, dir string) {
			f, err := os.Create(dir + "/x")
			must(t, err)
			defer f.Close()
			must(t, unix.Fallocate(int(f.Fd()), 0, 0, 8*mib))
		}, 8 * mib, 8*mib + 64<<10},
		{"small files", func(t *testing.T, dir string) {
			for i := range 1000 {
				write(t, fmt.Sprintf("%s/d%d/x%d", dir, i%10, i), 1)
			}
		}, 1000 * 4096, 2 * 1000 * 4096},
		{"sparse", func(t *testing.T, dir string) {
			write(t, dir+"/x", 4096)
			must(t, os.Truncate(dir+"/x", 1<<40))
		}, 4096, 64 << 10},
		{"hard links", func(t *testing.T, dir string) {
			write(t, dir+"/x", 4*mib)
			must(t, os.Mkdir(dir+"/sub", 0o755))
			for i := range 10 {
				must(t, os.Link(dir+"/x", fmt.Sprintf("%s/sub/%d", dir, i)))
			}
		}, 4 * mib, 4*mib + 64<<10},
		{"symbolic links", func(t *testing.T, dir string) {
			outside := t.TempDir()
			write(t, outside+"/x", 4*mib)
			must(t, os.Symlink(outside, dir+"/dir"))
			must(t, os.Symlink(outside+"/x", dir+"/file"))
		}, 0, 64 << 10},
		{"nothing", func(*testing.T, string) {}, 0, 64 << 10},
		{"not there", func(t *testing.T, dir string) { must(t, os.Remove(dir)) }, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "layer")
			must(t, os.Mkdir(dir, 0o755))
			tc.fill(t, dir)
			d := look(t, layerOf(dir))
			if d.Used != d.Layer || d.Layer < tc.least || d.Layer > tc.most || d.Incomplete != "" {
				t.Errorf("got %+v, want %d to %d bytes", d, tc.least, tc.most)
			}
		})
	}
}

// The parts add up; of a log all its files count.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/layer/x", 3*mib)
	write(t, dir+"/scratch/x", 2*mib)
	write(t, dir+"/log", 4*mib)
	write(t, dir+"/log.1", 10*mib)
	d := look(t, Places{Places: []Place{
		{Kind: Layer, Path: dir + "/layer", Inside: "/"}, {Kind: Scratch, Path: dir + "/scratch", Inside: "/work", Held: true},
		{Kind: Log, Path: dir + "/log"}, {Kind: Log, Path: dir + "/log.1"},
	}})
	if d.Layer < 3*mib || d.Scratch < 2*mib || d.Log != 14*mib || d.Used != d.Layer+d.Scratch+d.Log || d.Held != d.Scratch || d.Limit != 20*mib || d.Peak != d.Used {
		t.Errorf("got %+v", d)
	}
}

func TestPeak(t *testing.T) {
	dir, m := t.TempDir(), Meter{Limit: mib}
	write(t, dir+"/x", 4*mib)
	_, err := m.Measure(t.Context(), layerOf(dir))
	must(t, err)
	must(t, os.Remove(dir+"/x"))
	d, err := m.Measure(t.Context(), layerOf(dir))
	must(t, err)
	if d.Used >= mib || d.Peak < 4*mib {
		t.Errorf("got %+v", d)
	}
}

// The directories that hold most are named, each for what those below it that
// are named do not hold already.
func TestLargest(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/data/big/x", 8*mib)
	for i := range 64 { // none of them is worth a word, together they are
		write(t, fmt.Sprintf("%s/data/many/d%d/x", dir, i), 64<<10)
	}
	write(t, dir+"/data/x", 2*mib)
	write(t, dir+"/var/x", 4096)
	write(t, dir+"/x", 3*mib)
	d := look(t, layerOf(dir))
	var got []string
	for _, l := range d.Largest {
		got = append(got, fmt.Sprintf("%s %d", l.Path, l.Bytes/mib))
	}
	want := []string{"/data/big 8", "/data/many 4", "/ 3", "/data 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOtherFileSystem(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	write(t, dir+"/x", mib)
	must(t, os.Mkdir(dir+"/mounted", 0o755))
	must(t, unix.Mount("tmpfs", dir+"/mounted", "tmpfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir+"/mounted", 0)) })
	write(t, dir+"/mounted/x", 8*mib)
	if d := look(t, layerOf(dir)); d.Used > 2*mib {
		t.Errorf("got %+v", d)
	}
}

// A file without a name is found by those who have it open, once, and only on
// a mount that shows a place.
func TestDeleted(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	layer, shown, elsewhere := dir+"/layer", dir+"/shown", dir+"/elsewhere"
	for _, d := range []string{layer, shown, elsewhere} {
		must(t, os.Mkdir(d, 0o755))
	}
	must(t, unix.Mount(layer, shown, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(shown, 0)) })
	for _, d := range []string{shown, elsewhere} {
		f, err := os.Create(d + "/x")
		must(t, err)
		defer f.Close()
		must(t, os.Remove(f.Name()))
		_, err = f.Write(make([]byte, 4*mib))
		must(t, err)
		again, err := unix.Dup(int(f.Fd()))
		must(t, err)
		defer unix.Close(again)
	}
	p := layerOf(layer)
	p.PIDs = []int{os.Getpid(), os.Getpid()}
	if d := look(t, p); d.Deleted < 4*mib || d.Deleted >= 5*mib || d.Used != d.Layer+d.Deleted {
		t.Errorf("got %+v", d)
	}
}

// What cannot be looked at is said; what is gone meanwhile is not.
func TestIncomplete(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+strings.Repeat("/a", 600), 0o755))
	if d := look(t, layerOf(dir)); !strings.Contains(d.Incomplete, "512 directories") {
		t.Errorf("got %q", d.Incomplete)
	}
	p := layerOf(t.TempDir())
	p.Missing = "no layer here"
	if d := look(t, p); d.Incomplete != p.Missing {
		t.Errorf("got %q", d.Incomplete)
	}
}

// The tree changes under the walk.
func TestRestless(t *testing.T) {
	dir := t.TempDir()
	var busy sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer busy.Wait()
	defer stop()
	busy.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			path := fmt.Sprintf("%s/d%d/e", dir, i%50)
			if os.RemoveAll(filepath.Dir(path)) == nil && i%3 == 0 {
				_ = os.Symlink("/", filepath.Dir(path))
			} else if os.MkdirAll(path, 0o755) == nil {
				_ = os.WriteFile(path+"/x", make([]byte, 4096), 0o644)
			}
		}
	})
	for range 200 {
		if d := look(t, layerOf(dir)); d.Incomplete != "" || d.Used > 4*mib {
			t.Fatalf("got %+v", d)
		}
	}
}

func TestCancelled(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := (&Meter{Limit: mib}).Measure(ctx, layerOf(t.TempDir())); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// A look takes at most 1 % of the time, and cheap ones come often, also where
// the machine is so busy that they take long.
func TestPause(t *testing.T) {
	for _, tc := range []struct {
		files      int
		took, want time.Duration
	}{
		{0, 0, time.Second},
		{100, 9 * time.Millisecond, time.Second},
		{100, 3 * time.Second, time.Second},
		{10_000, time.Minute, 10 * time.Second},
		{30_000, 100 * time.Millisecond, 10 * time.Second},
		{1_000_000, 5 * time.Second, 500 * time.Second},
	} {
		m := Meter{files: tc.files}
		if got := m.Pause(tc.took); got != tc.want {
			t.Errorf("after %v for %d files: %v, want %v", tc.took, tc.files, got, tc.want)
		}
	}
}

// How many files there are counts for the pause.
func TestFilesAreCounted(t *testing.T) {
	dir, m := t.TempDir(), Meter{Limit: mib}
	for i := range 2000 {
		write(t, fmt.Sprintf("%s/d%d/x%d", dir, i%100, i), 0)
	}
	_, err := m.Measure(t.Context(), layerOf(dir))
	must(t, err)
	if got := m.Pause(time.Hour); got != 2100*time.Millisecond {
		t.Errorf("the pause is %v", got)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`/a\040b`: "/a b", `/a\134b`: `/a\b`, `/a\9`: `/a\9`, `\011`: "\t", `/a\`: `/a\`} {
		if got := unescape(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// BenchmarkLook is the cost of a look at 10000 files.
func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	for i := range 10000 {
		write(b, fmt.Sprintf("%s/d%d/x%d", dir, i%100, i), 1)
	}
	m := Meter{Limit: mib}
	for b.Loop() {
		_, err := m.Measure(b.Context(), layerOf(dir))
		must(b, err)
	}
}
