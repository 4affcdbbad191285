// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/integration/guest/wire"
	"drydock/internal/need"
)

// outlived is a drydock whose state lies on the disk that outlives the machine.
type outlived struct{ dir string }

func onKeptDisk(t *testing.T) outlived {
	t.Helper()
	if _, err := os.Stat(wire.Keep); err != nil {
		need.Skip(t, "kept", "needs a disk that outlives the machine")
	}
	return outlived{wire.Keep}
}

func (o outlived) command(words ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(os.Getenv("DRYDOCK_BIN"), "drydock"), words...)
	c.Dir, c.Env = o.dir, append(os.Environ(), "DRYDOCK_STATE_DIR="+filepath.Join(o.dir, "state"))
	return c
}

// run runs drydock to its end.
func (o outlived) run(t *testing.T, words ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, err strings.Builder
	c := o.command(words...)
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run() // the exit code says it
	return out.String(), err.String(), c.ProcessState.ExitCode()
}

// begin starts drydock run; out is what it says.
func (o outlived) begin(t *testing.T, words ...string) (out *output) {
	t.Helper()
	out = &output{}
	c := o.command(append([]string{"run"}, words...)...)
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return out
}

// known is a task as ps shows it.
type known struct{ ID, Name, Status, Verdict string }

// tasks are those that ps lists, by name, and what it said beside.
func (o outlived) tasks(t *testing.T) (map[string]known, string) {
	t.Helper()
	stdout, stderr, exit := o.run(t, "ps", "-a", "--limit", "0", "--json")
	if exit != 0 {
		t.Fatalf("ps: exit %d\n%s", exit, stderr)
	}
	all := map[string]known{}
	for line := range strings.Lines(stdout) {
		var k known
		if err := json.Unmarshal([]byte(line), &k); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all[k.Name] = k
	}
	return all, stderr
}

// The machine goes off in the middle of a task, of one that waits, and of what
// was not on the disk yet.
func TestPowerCut(t *testing.T) {
	o := onKeptDisk(t)
	if _, stderr, exit := o.run(t, "run", "--memory", "64Mi", "--name", "ended", "--", "sh", "-c", "exit 3"); exit != 3 {
		t.Fatalf("exit %d\n%s", exit, stderr)
	}
	running := o.begin(t, "--memory", "64Mi", "--name", "running", "--", "sh", "-c", "echo begun; sleep 1000")
	within(t, "it does not begin: "+running.String(), func() bool { return strings.Contains(running.String(), "begun") })
	queued := o.begin(t, "--memory", "64Mi", "--node", "cpu=8,memory=64Mi", "--name", "queued", "--", "true")
	within(t, "it does not wait: "+queued.String(), func() bool { return strings.Contains(queued.String(), "waits for") })
	unix.Sync()
	if _, stderr, exit := o.run(t, "run", "--memory", "32Mi", "--name", "late", "--", "true"); exit != 0 {
		t.Fatalf("exit %d\n%s", exit, stderr)
	}
	later := o.begin(t, "--memory", "32Mi", "--name", "later", "--", "sh", "-c", "echo begun; sleep 1000")
	within(t, "it does not begin: "+later.String(), func() bool { return strings.Contains(later.String(), "begun") })
	// Nothing is written out, unmounted or told.
	t.Fatalf("the machine stays on: %v", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
}

// The next boot: what is on the disk is told truly, and nothing is in the way.
func TestPowerBack(t *testing.T) {
	o := onKeptDisk(t)
	all, stderr := o.tasks(t)
	if strings.Contains(stderr, "damaged") {
		t.Errorf("ps says %s", stderr)
	}
	neverStarted := []string{"error"}
	for name, verdicts := range map[string][]string{
		"ended": {"failed"}, "running": {"unknown"}, "queued": neverStarted,
		// What the disk has of these is the file system's affair.
		"late": {"succeeded", "unknown", "error", ""}, "later": {"unknown", "error", ""},
	} {
		if k := all[name]; k.ID != "" && k.Status != "ended" || !slices.Contains(verdicts, k.Verdict) {
			t.Errorf("%s is %+v, want a verdict of %q\n%s", name, k, verdicts, stderr)
		}
	}
	if said, words, exit := o.run(t, "wait", all["running"].ID, "--json"); exit != 125 || !strings.Contains(said, `"verdict":"unknown"`) {
		t.Errorf("wait: exit %d, %s%s", exit, said, words)
	}
	if printed, _, _ := o.run(t, "logs", all["running"].ID); printed != "begun\n" {
		t.Errorf("logs: %q", printed)
	}
	if _, words, exit := o.run(t, "rerun", all["ended"].ID); exit != 3 {
		t.Errorf("rerun: exit %d, %s", exit, words)
	}
	if _, words, exit := o.run(t, "run", "--memory", "64Mi", "--", "true"); exit != 0 {
		t.Errorf("run: exit %d, %s", exit, words)
	}
	for _, pattern := range []string{"state/tasks/*/attempts/*/layers", "state/tasks/*/attempts/*/runtime", "state/tasks/*/attempts/*/work", "state/tasks/*/attempts/*/control.sock"} {
		if left, _ := filepath.Glob(filepath.Join(o.dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	if again, stderr := o.tasks(t); stderr != "" || again["running"] != all["running"] {
		t.Errorf("ps the second time: %+v, %s", again, stderr)
	}
}
