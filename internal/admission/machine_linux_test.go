// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
)

func leaseDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "leases")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contest lets processes come, take, hold, and be killed at any moment.
// Whatever happens, never more is held than there is, no device is held twice,
// nothing of the dead stays counted, and everybody who was not killed gets in.
func contest(t *testing.T, all int, dir, evidence string, request func(*rand.Rand, int) Request, users ...uint32) {
	const atOnce = 60
	capacity := sandbox.Amounts{CPUMilli: 8000, Memory: 20 << 30}
	rng := rand.New(rand.NewPCG(1, 2))
	outside := &observer{evidence: evidence, capacity: capacity}
	stop := outside.watch(t)
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for n := range all {
		c := contender{Dir: dir, Evidence: evidence, Capacity: capacity, Request: request(rng, n), PickLast: rng.IntN(2) == 0, UID: users[n%len(users)],
			Life: time.Duration(20+rng.IntN(180)) * time.Millisecond, Sandbox: rng.IntN(3) == 0}
		var kill time.Duration
		if rng.IntN(3) == 0 {
			kill = time.Duration(1+rng.IntN(3000)) * time.Millisecond
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			c.run(t, kill)
		})
	}
	running.Wait()
	stop()
	t.Logf("%d looks; at most %d milli and %d MiB were held", outside.looks, outside.most.CPUMilli, outside.most.Memory>>20)
	if outside.most.Memory < capacity.Memory/2 && outside.devices < 3 {
		t.Error("the machine was never half full: nothing was tested")
	}
	// Supervisors that have outlived their executors end.
	await(t, func() bool { s, err := Read(dir); return err == nil && len(s.Holders) == 0 })
	nothingLeft(t, dir, capacity)
}

func TestContenders(t *testing.T) {
	contest(t, 200, leaseDir(t), t.TempDir(), randomRequest, uint32(os.Geteuid()))
}

// Root and ordinary users go by the same directory, whatever
// fs.protected_regular says.
func TestContendersOfSeveralUsers(t *testing.T) {
	need.Root(t)
	dir, evidence := sharedDir(t, 0o1777), sharedDir(t, 0o777)
	contest(t, 60, dir, evidence, randomRequest, 0, 65533, 65534)
}

// A dead file of another user's is no ordinary user's to remove, and counts as
// little.
func TestAnotherUsersRemains(t *testing.T) {
	need.Root(t)
	dir, capacity := sharedDir(t, 0o1777), memory(4)
	victim := contender{Dir: dir, Capacity: capacity, Request: request(1, 4), DieAt: "claim linked"}
	if out, err := victim.command().CombinedOutput(); err == nil {
		t.Fatalf("it was not killed: %s", out)
	}
	contender{Dir: dir, Capacity: capacity, Request: request(2, 4), UID: 65534}.run(t, 0)
	if _, err := os.Lstat(filepath.Join(dir, claimName(testID(1), 1))); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	nothingLeft(t, dir, capacity)
}

// sharedDir is a directory that other users reach.
func sharedDir(t *testing.T, mode uint32) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// randomRequest is small most often, sometimes all of the machine, and now and
// then wants devices.
func randomRequest(rng *rand.Rand, n int) Request {
	d := Demand{Amounts: sandbox.Amounts{CPUMilli: 100 + rng.Int64N(3000), Memory: (1 + rng.Int64N(6)) << 30}}
	switch rng.IntN(12) {
	case 0:
		d.Memory = 20 << 30
	case 1, 2:
		d.Devices = []Choice{{Count: 1, Of: []sandbox.Device{whole, other}}}
	case 3, 4:
		d.Devices = []Choice{{Count: 1, Of: []sandbox.Device{partA, partB}}}
	}
	return Request{ID: testID(n), Attempt: 1, Demand: d}
}

// run starts the contender and fails the test unless it gets in, or is killed
// after the given time.
func (c contender) run(t *testing.T, kill time.Duration) {
	cmd := c.command()
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	if kill > 0 {
		time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
	}
	starved := time.AfterFunc(3*time.Minute, func() {
		t.Errorf("%s is not in after 3 minutes: %s", c.Request.ID, &words)
		_ = cmd.Process.Kill()
	})
	defer starved.Stop()
	cmd.WaitDelay = time.Second // a supervisor that lives on has our pipes
	err := cmd.Wait()
	if state := cmd.ProcessState.Sys().(interface{ Signaled() bool }); state.Signaled() && kill > 0 {
		return
	}
	if cmd.ProcessState.ExitCode() != gotIn {
		t.Errorf("%s: %v\n%s", c.Request.ID, err, &words)
	}
}

// nothingLeft lets somebody in who wants everything, after which nothing of
// the dead may lie there.
func nothingLeft(t *testing.T, path string, capacity sandbox.Amounts) {
	t.Helper()
	dir := dir(path)
	m, err := NewMachine(path, capacity)
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	c, err := m.Take(t.Context(), Request{ID: testID(9999999), Attempt: 1, Demand: Demand{Amounts: capacity,
		Devices: []Choice{{Count: 1, Of: []sandbox.Device{whole}}, {Count: 1, Of: []sandbox.Device{other}}}}}, func(s string) { told = s })
	if err != nil {
		t.Fatal(err)
	}
	if told != "" {
		t.Errorf("an idle machine makes one wait: %s", told)
	}
	c.Release()
	names, err := dir.list()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, claimPrefix) || strings.HasPrefix(name, ticketPrefix) || strings.HasPrefix(name, draftPrefix) {
			t.Errorf("%s is left", name)
		}
	}
}

// Wherever a process is killed, it takes nothing along: neither the lock nor a
// place in the queue nor what it had.
func TestKilledAtEachStep(t *testing.T) {
	capacity := memory(4)
	for _, tc := range []struct {
		step  string
		waits bool // for a claim of ours
	}{
		{"lock taken", false}, {"claim filled", false}, {"claim linked", false}, {"claim removed", false},
		{"ticket filled", true}, {"ticket linked", true}, {"claim filled", true},
		{"claim linked", true}, {"ticket removed", true},
	} {
		t.Run(fmt.Sprintf("%s, waits %v", tc.step, tc.waits), func(t *testing.T) {
			dir := leaseDir(t)
			m, err := NewMachine(dir, capacity)
			if err != nil {
				t.Fatal(err)
			}
			victim := contender{Dir: dir, Capacity: capacity, Request: request(1, 4), DieAt: tc.step}
			cmd := victim.command()
			var died atomic.Bool
			var holder sync.WaitGroup
			if tc.waits {
				mine, err := m.Take(t.Context(), request(0, 4), quiet)
				if err != nil {
					t.Fatal(err)
				}
				holder.Go(func() {
					defer mine.Release()
					queued := func() bool { s, err := Read(dir); return err == nil && len(s.Queue) == 1 }
					for !queued() && !died.Load() {
						time.Sleep(time.Millisecond)
					}
				})
			}
			out, err := cmd.CombinedOutput()
			died.Store(true)
			holder.Wait()
			if !cmd.ProcessState.Sys().(interface{ Signaled() bool }).Signaled() {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			mine, err := m.Take(t.Context(), request(2, 4), quiet)
			if err != nil {
				t.Fatal(err)
			}
			mine.Release()
			nothingLeft(t, dir, capacity)
		})
	}
}

// An executor is killed and its sandbox lives on: it counts for exactly as
// long as that, once, also when it was lent.
func TestSandboxOutlivesItsExecutor(t *testing.T) {
	for _, lend := range []bool{false, true} {
		t.Run(fmt.Sprintf("lent %v", lend), func(t *testing.T) {
			dir, evidence := leaseDir(t), t.TempDir()
			capacity := memory(8)
			c := contender{Dir: dir, Evidence: evidence, Capacity: capacity, Request: request(1, 3), Sandbox: true, Until: filepath.Join(t.TempDir(), "end"), Lend: lend}
			cmd := c.command()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			supervised := func() bool { return liveFiles(t, dir)[testID(1)+".1"] != nil }
			await(t, func() bool { return exists(c.sandboxUp()) })
			counted := func() int64 {
				s, err := Read(dir)
				if err != nil {
					t.Fatal(err)
				}
				return takenSince(s.Holders, -1).Memory >> 30
			}
			want := int64(3)
			if lend {
				want = 0
			}
			if got := counted(); got != want {
				t.Errorf("with its executor %d GiB count, want %d", got, want)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got := counted(); got != 3 {
				t.Errorf("without its executor %d GiB count, want 3", got)
			}
			m, err := NewMachine(dir, capacity)
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			claim, err := m.Take(t.Context(), request(2, 8), func(s string) {
				told = s
				c.endSandbox()
			})
			if err != nil {
				t.Fatal(err)
			}
			if supervised() {
				t.Error("somebody got all of the machine beside it")
			}
			if want := "waits for 8Gi of memory (free 5Gi of 8Gi); held by " + testID(1); told != want {
				t.Errorf("told %q, want %q", told, want)
			}
			claim.Release()
		})
	}
}

func await(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// A stopped process that has a place in the queue keeps nobody out for long,
// and one that is stopped with the lock is named.
func TestStopped(t *testing.T) {
	dir := leaseDir(t)
	capacity := memory(4)
	m, err := NewMachine(dir, capacity)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := m.Take(t.Context(), request(0, 4), quiet)
	if err != nil {
		t.Fatal(err)
	}
	queued := contender{Dir: dir, Capacity: capacity, Request: request(1, 4)}.command()
	if err := queued.Start(); err != nil {
		t.Fatal(err)
	}
	defer stopped(t, queued)()
	await(t, func() bool { s, err := Read(dir); return err == nil && len(s.Queue) == 1 })
	if err := queued.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	mine.Release()
	next, err := m.Take(t.Context(), request(2, 4), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	next.Release()
}

func stopped(t *testing.T, cmd *exec.Cmd) func() {
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
