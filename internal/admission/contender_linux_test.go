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
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
)

// The test program is also the processes that contend: see contender.
const contenderVariable = "ADMISSION_CONTENDER"

func TestMain(m *testing.M) {
	if text := os.Getenv(contenderVariable); text != "" {
		var c contender
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			panic(err)
		}
		os.Exit(c.main())
	}
	os.Exit(need.Main(m))
}

// contender is one process that wants something of the machine and holds it
// for a while, as an executor does.
type contender struct {
	Dir      string
	Request  Request
	Capacity sandbox.Amounts
	Life     time.Duration
	// Sandbox gives it a supervisor: a process that outlives a kill.
	Sandbox bool
	// Until is a file that the supervisor lives to see, or its directory's end.
	Until string
	// Evidence is where it lays down what it has got, under locks of its own:
	// what the tests judge by.
	Evidence string
	Lend     bool   // once it has the claim
	PickLast bool   // of devices that are free, where the others expect the first
	DieAt    string // kills itself at this step
	// Hold makes it the supervisor of another, whose pieces of evidence follow
	// its lease.
	Hold   bool
	Pieces int
	UID    uint32 // whose process it is
}

// Exit codes of contenders.
const (
	gotIn     = 0
	gotError  = 1
	gotClash  = 3 // somebody else had a device of ours
	gotCaught = 4 // it outlived the step at which it should have died
)

func (c contender) main() int {
	if c.Hold {
		if err := os.WriteFile(c.sandboxUp(), nil, 0o600); err != nil {
			return gotError
		}
		time.Sleep(c.Life)
		for c.Until != "" && exists(filepath.Dir(c.Until)) && !exists(c.Until) {
			time.Sleep(time.Millisecond)
		}
		for fd := range c.Pieces { // the evidence, before the lease that it is judged by
			_ = unix.Close(4 + fd)
		}
		_ = os.Remove(filepath.Join(c.Dir, client.Name(sandbox.Spec{ID: c.Request.ID, Attempt: c.Request.Attempt})))
		return 0
	}
	onStep = c.step
	c.pick()
	m, err := NewMachine(c.Dir, c.Capacity)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return gotError
	}
	claim, err := m.Take(context.Background(), c.Request, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return gotError
	}
	if c.Lend {
		claim.Lend()
	}
	fmt.Println("in")
	code := c.hold(claim)
	claim.Release()
	if c.DieAt != "" {
		return gotCaught
	}
	return code
}

// pick chooses as only this process knows.
func (c contender) pick() {
	for i := range c.Request.Demand.Devices {
		choice := &c.Request.Demand.Devices[i]
		if !c.PickLast || choice.Sets != nil {
			continue
		}
		choice.Pick = func(taken func(sandbox.Device) bool) ([]sandbox.Device, string) {
			free := slices.DeleteFunc(slices.Clone(choice.Of), taken)
			if len(free) < choice.Count {
				return nil, "too few"
			}
			return free[len(free)-choice.Count:], ""
		}
	}
}

// step takes its time where others must not come in between, and dies where
// it should.
func (c contender) step(step string) {
	if step == "claim filled" {
		time.Sleep(3 * time.Millisecond)
	}
	if step == c.DieAt {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {} // it is on its way
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// endSandbox ends a supervisor that waits for it.
func (c contender) endSandbox() { _ = os.WriteFile(c.Until, nil, 0o600) }

// sandboxUp is a file that is there when the supervisor is.
func (c contender) sandboxUp() string { return filepath.Join(c.Evidence, "up-"+c.Request.ID) }

// hold does what the claim is for.
func (c contender) hold(claim *Claim) int {
	evidence, err := c.evidence(claim.Holds)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return gotClash
	}
	defer closeAll(evidence)
	if !c.Sandbox {
		time.Sleep(c.Life)
		return gotIn
	}
	lease, err := client.Leases(c.Dir).Take(sandbox.Spec{ID: c.Request.ID, Attempt: c.Request.Attempt, Dir: c.Dir, Holds: claim.Holds}, "", "test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return gotError
	}
	c.Hold, c.Pieces = true, len(evidence)
	supervisor := c.command()
	supervisor.ExtraFiles = append([]*os.File{lease}, evidence...)
	if err := supervisor.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return gotError
	}
	_ = lease.Close()
	closeAll(evidence)
	_ = supervisor.Wait()
	return gotIn
}

// evidence locks a file for each of the devices and one that tells the amounts.
func (c contender) evidence(h sandbox.Holds) (files []*os.File, err error) {
	if c.Evidence == "" {
		return nil, nil
	}
	for _, d := range h.Devices {
		for _, id := range append([]string{d.ID}, d.Excludes...) {
			how := unix.LOCK_SH // a part that the whole takes away
			if id == d.ID {
				how = unix.LOCK_EX
			}
			f, err := lockEvidence(filepath.Join(c.Evidence, "device-"+filepath.Base(id)), how)
			if err != nil {
				return files, fmt.Errorf("device %s of %s: %w", id, d.ID, err)
			}
			files = append(files, f)
		}
	}
	f, err := os.OpenFile(filepath.Join(c.Evidence, fmt.Sprintf("holds-%s", c.Request.ID)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return files, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return files, err
	}
	return append(files, f), json.NewEncoder(f).Encode(h)
}

// lockEvidence gives one who is just dying a moment: its locks go one by one.
func lockEvidence(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, err
	}
	for range 25 {
		if err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(time.Millisecond)
	}
	return nil, errors.Join(err, f.Close())
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// command is how to start the contender.
func (c contender) command() *exec.Cmd {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), contenderVariable+"="+string(text), "GOMAXPROCS=1")
	if int(c.UID) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.UID, Gid: c.UID}}
	}
	return cmd
}
