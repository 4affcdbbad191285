// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
)

func machine(t testing.TB, dir string, gib int64) *Machine {
	t.Helper()
	m, err := NewMachine(dir, memory(gib))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func take(t testing.TB, m *Machine, n int, gib int64) *Claim {
	t.Helper()
	c, err := m.Take(t.Context(), request(n, gib), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// heldFile puts a file into the directory as its writer would, whatever it says.
func heldFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

// The directory is open to everybody: garbage counts nothing and stops nobody.
func TestGarbageIsNotCounted(t *testing.T) {
	id := testID(1)
	name := claimName(id, 1)
	claim := func(change func(*claimFile)) string {
		c := claimFile{Version: 1, ID: id, Attempt: 1, Holds: sandbox.Holds{Amounts: memory(4)}}
		change(&c)
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for title, put := range map[string]func(dir string){
		"no document":        func(dir string) { heldFile(t, dir, name, "\x00") },
		"another's name":     func(dir string) { heldFile(t, dir, name, claim(func(c *claimFile) { c.Attempt = 2 })) },
		"less than nothing":  func(dir string) { heldFile(t, dir, name, claim(func(c *claimFile) { c.Holds.Memory = -1 << 40 })) },
		"more than there is": func(dir string) { heldFile(t, dir, name, claim(func(c *claimFile) { c.Holds.Memory = 1 << 62 })) },
		"a pipe":             func(dir string) { _ = unix.Mkfifo(filepath.Join(dir, name), 0o644) },
		"a link":             func(dir string) { _ = os.Symlink("/proc/self/mem", filepath.Join(dir, name)) },
		"a directory":        func(dir string) { _ = os.Mkdir(filepath.Join(dir, name), 0o700) },
		"nobody's": func(dir string) {
			_ = os.WriteFile(filepath.Join(dir, name), []byte(claim(func(*claimFile) {})), 0o644)
		},
		"a ticket for too much": func(dir string) {
			text, _ := json.Marshal(ticketFile{Version: 1, ID: id, Attempt: 1, Since: 1, Demand: Demand{Amounts: memory(9)}, Capacity: memory(4)})
			heldFile(t, dir, ticketName(1, id, 1), string(text))
		},
	} {
		t.Run(title, func(t *testing.T) {
			dir := leaseDir(t)
			put(dir)
			s, err := Read(dir)
			if err != nil || len(s.Holders)+len(s.Queue) > 0 {
				t.Errorf("%+v, %v", s, err)
			}
			take(t, machine(t, dir, 4), 2, 4).Release()
		})
	}
	t.Run("what counts, for comparison", func(t *testing.T) {
		dir := leaseDir(t)
		heldFile(t, dir, name, claim(func(*claimFile) {}))
		if s, err := Read(dir); err != nil || len(s.Holders) != 1 || s.Holders[0].Holds.Memory != 4<<30 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// What another release wrote is not guessed at.
func TestUnknownVersion(t *testing.T) {
	dir := leaseDir(t)
	heldFile(t, dir, claimName(testID(1), 1), `{"lent":0,"version":2,"pid":77}`)
	_, err := machine(t, dir, 4).Take(t.Context(), request(2, 1), quiet)
	if err == nil || !strings.Contains(err.Error(), "is of version 2, and this drydock knows 1: process 77") {
		t.Errorf("%v", err)
	}
}

// Who keeps the lock is named; and nobody is let in meanwhile.
func TestLockKept(t *testing.T) {
	path := leaseDir(t)
	unlock, err := dir(path).lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dir(path).lock(t.Context(), 10*time.Millisecond)
	kept, ok := errors.AsType[*LockError](err)
	if !ok || kept.PID != os.Getpid() || kept.Name == "" || kept.Dir != path {
		t.Errorf("%+v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := machine(t, path, 4).Take(ctx, request(1, 1), func(s string) { said <- s; cancel() })
		ended <- err
	}()
	if s := <-said; !strings.Contains(s, fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("said %q", s)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("who was cancelled got %v", err)
	}
	unlock()
	take(t, machine(t, path, 4), 1, 4).Release()
}

// What may have become free wakes who watches: a release, a loan, a kill.
func TestWatch(t *testing.T) {
	path := leaseDir(t)
	m := machine(t, path, 4)
	c := take(t, m, 1, 4)
	w, err := dir(path).watch()
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	c.Lend()
	<-w.changes()
	c.Recall()
	<-w.changes()
	c.Release()
	<-w.changes()
	time.Sleep(2 * watchPause) // what the release does beside
	select {
	case <-w.changes():
	default:
	}
	sleeper := exec.Command("sleep", "60")
	f, err := dir(path).keep(claimName(testID(2), 1), claimFile{Version: fileVersion, ID: testID(2), Attempt: 1})
	if err != nil {
		t.Fatal(err)
	}
	sleeper.ExtraFiles = []*os.File{f}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close() // the child has it
	stopped(t, sleeper)()
	<-w.changes()
}

// A parent that waits lends its place across processes, and gets it back at
// once.
func TestLend(t *testing.T) {
	dir := leaseDir(t)
	mine, others := machine(t, dir, 4), machine(t, dir, 4)
	parent := take(t, mine, 1, 3)
	let := make(chan *Claim)
	go func() { c, _ := others.Take(t.Context(), request(2, 2), func(string) { parent.Lend() }); let <- c }()
	child := <-let
	taken := func() int64 {
		s, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		return takenSince(s.Holders, -1).Memory >> 30
	}
	if got := taken(); got != 2 {
		t.Errorf("%d GiB count while it is lent, want 2", got)
	}
	parent.Recall()
	if got := taken(); got != 5 {
		t.Errorf("%d GiB count after it, want 5: more than there is", got)
	}
	parent.Release()
	parent.Recall()
	child.Release()
	if got := taken(); got != 0 {
		t.Errorf("%d GiB count in the end", got)
	}
}

// While somebody looks, an executor hands over to its sandbox and is killed:
// at no moment does neither of them count.
func TestHandOverWhileLooking(t *testing.T) {
	path := leaseDir(t)
	holds := sandbox.Holds{Amounts: memory(3)}
	claim, err := dir(path).keep(claimName(testID(1), 1), claimFile{Version: fileVersion, ID: testID(1), Attempt: 1, Holds: holds})
	if err != nil {
		t.Fatal(err)
	}
	var lease *os.File
	onStep = func(step string) {
		if step != "names listed" || lease != nil {
			return
		}
		if lease, err = client.Leases(path).Take(sandbox.Spec{ID: testID(1), Attempt: 1, Dir: path, Holds: holds}, "", "test"); err != nil {
			t.Error(err)
		}
		claim.Close() // as a kill does
	}
	defer func() { onStep = nil }()
	s, err := Read(path)
	if err != nil || takenSince(s.Holders, -1).Memory>>30 != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	lease.Close()
}

// What runs already counts beyond the capacity, after a dead executor's claim
// too, but never twice.
func TestForce(t *testing.T) {
	path := leaseDir(t)
	m := machine(t, path, 4)
	if err := os.WriteFile(filepath.Join(path, claimName(testID(1), 1)), nil, 0o600); err != nil { // a dead one's
		t.Fatal(err)
	}
	first, err := m.Force(request(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	second, err := m.Force(request(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Force(request(2, 3)); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second claim of one attempt: %v", err)
	}
	s, err := Read(path)
	if err != nil || takenSince(s.Holders, -1).Memory>>30 != 6 {
		t.Errorf("%+v, %v", s, err)
	}
	first.Release()
	second.Release()
	nothingLeft(t, path, memory(4))
}

// Thousands wait in one process: the directory sees a few of them, and they
// come in their turn.
func TestManyWaitInOneProcess(t *testing.T) {
	const many = 2000
	path := leaseDir(t)
	m, others := machine(t, path, 4), machine(t, path, 4)
	first := take(t, m, 0, 4)
	order := make(chan int, many)
	for n := range many {
		go func() {
			c, err := m.Take(t.Context(), request(n+1, 4), quiet)
			if err != nil {
				t.Error(err)
			}
			order <- n
			c.Release()
		}()
		await(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.waiting.Len() == n+1 })
	}
	names, err := dir(path).list()
	if err != nil || len(names) > tickets+1 {
		t.Errorf("%d files for them, %v", len(names), err)
	}
	// One of another process waits for a few of them only.
	let := make(chan int, 1)
	go func() {
		c, err := others.Take(t.Context(), request(many+1, 4), quiet)
		if err != nil {
			t.Error(err)
		}
		let <- len(order)
		c.Release()
	}()
	await(t, func() bool { s, err := Read(path); return err == nil && len(s.Queue) == tickets+1 })
	first.Release()
	if before := <-let; before > 2*tickets {
		t.Errorf("one of another process came after %d of a fan-out", before)
	}
	for n := range many {
		if got := <-order; got != n {
			t.Fatalf("number %d came as number %d", got, n)
		}
	}
	nothingLeft(t, path, memory(4))
}

// Who gives up leaves nothing behind and holds nobody up.
func TestGivingUp(t *testing.T) {
	path := leaseDir(t)
	m := machine(t, path, 4)
	first := take(t, m, 0, 4)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	ended := make(chan error)
	const many = 3 * tickets
	for n := range many {
		go func() { _, err := m.Take(ctx, request(n+1, 1), quiet); ended <- err }()
	}
	await(t, func() bool { s, err := Read(path); return err == nil && len(s.Queue) == tickets })
	let := make(chan *Claim)
	go func() { c, _ := m.Take(t.Context(), request(many+1, 4), quiet); let <- c }()
	cancel(cause)
	for range many {
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("who gave up got %v", err)
		}
	}
	first.Release()
	(<-let).Release()
	nothingLeft(t, path, memory(4))
}
