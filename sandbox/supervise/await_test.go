// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
	"drydock/sandbox/supervise/wire"
)

// awaiting marks a process of these tests that is a supervisor.
const awaiting = "SUPERVISE_TEST_AWAITS"

// await is such a supervisor.
func await() {
	switch wanted, err := Await(); {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(wire.FailedExit)
	case !wanted:
		os.Exit(3)
	}
	c := NewControl()
	var config string
	if err := c.Configuration(&config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(wire.FailedExit)
	}
	in, _ := io.ReadAll(os.NewFile(wire.StdinFD, "stdin"))
	fmt.Fprintf(os.NewFile(wire.StdoutFD, "stdout"), "%s, %s", config, in)
	fmt.Fprint(os.NewFile(wire.StderrFD, "stderr"), "and more")
	fmt.Fprintln(os.Stderr, "its own words")
	_ = wire.WriteOutcome(os.Getenv(awaiting), sandbox.Outcome{Version: sandbox.OutcomeVersion, Exit: &sandbox.Exit{Code: 7}})
	var stop wire.Command
	_ = c.starter.decoder.Decode(&stop) // until it is let go
	os.Exit(0)
}

func startAhead(t *testing.T, dir string) *client.Ahead {
	t.Helper()
	ahead, err := client.StartAhead("/proc/self/exe", []string{"supervisor", "-test.run=^TestStartedAhead$"}, []string{awaiting + "=" + dir})
	if err != nil {
		t.Fatal(err)
	}
	return ahead
}

// A supervisor that was started ahead gets all that one has which was started
// for its attempt, the lease among it.
func TestStartedAhead(t *testing.T) {
	if os.Getenv(awaiting) != "" {
		await()
	}
	dir := t.TempDir()
	leases := client.Leases(filepath.Join(t.TempDir(), "leases"))
	a := &client.Attempts{Sandbox: "docker", Program: "supervisor", Leases: leases, Cleaned: func() {}}
	a.Clean = func(name string, _ client.Lease) error { return leases.Remove(name) }
	spec := sandbox.Spec{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Attempt: 1, Dir: dir}
	var out, errs strings.Builder
	ahead := startAhead(t, dir)
	r, err := a.Start(client.Supervisor{Spec: spec, Ahead: ahead, Config: "a line"},
		sandbox.Streams{Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatal(err)
	}
	ahead.Drop() // does nothing to one that has an attempt
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := wire.ReadOutcome(dir); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the supervisor never came to its outcome")
		}
	}
	if !leases.Held(client.Name(spec)) {
		t.Error("the supervisor does not hold the lease")
	}
	r.Stop(sandbox.StopAbort, time.Minute) // not a kill, after which the output is not waited for
	if o, err := r.Wait(); err != nil || o.Exit == nil || o.Exit.Code != 7 {
		t.Errorf("%+v, %v", o, err)
	}
	if out.String() != "a line, input" || errs.String() != "and more" {
		t.Errorf("it said %q and %q", out.String(), errs.String())
	}
	if log, err := os.ReadFile(filepath.Join(dir, wire.OwnLogFile)); string(log) != "its own words\n" {
		t.Errorf("its log has %q, %v", log, err)
	}
	if leases.Held(client.Name(spec)) {
		t.Error("the lease is held by somebody else, too")
	}
}

// One that nobody needs ends, whether it is dropped or left alone.
func TestNotNeeded(t *testing.T) {
	ahead := startAhead(t, t.TempDir())
	if !ahead.Waits() {
		t.Error("it does not wait")
	}
	ahead.Drop()
	ahead.Drop()

	ours, theirs, err := client.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	left := awaitingOn(t, theirs)
	ours.Close()
	if err := left.Wait(); left.ProcessState.ExitCode() != 3 {
		t.Errorf("one whose drydock has gone: %v", err)
	}
}

// A drydock of another release, that starts its supervisors with their files,
// is told so.
func TestNothingHanded(t *testing.T) {
	ours, theirs, err := client.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	var words strings.Builder
	other := awaitingOn(t, theirs, &words)
	if _, err := ours.WriteString("{}\n"); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); other.ProcessState.ExitCode() != wire.FailedExit || !strings.Contains(words.String(), errNotHanded.Error()) {
		t.Errorf("%v, %q", err, words.String())
	}
}

// awaitingOn is a supervisor on a socket, which is closed here.
func awaitingOn(t *testing.T, theirs *os.File, stderr ...io.Writer) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStartedAhead$")
	cmd.Env = append(os.Environ(), awaiting+"=here")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = io.MultiWriter(stderr...)
	err := cmd.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}
