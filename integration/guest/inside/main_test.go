// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/internal/need"
)

func TestMain(m *testing.M) {
	if !need.InGuest() {
		os.Exit(0)
	}
	os.Exit(need.Main(m))
}

// systemd needs systemd as the first process.
func systemd(t *testing.T) {
	t.Helper()
	if first, _ := os.ReadFile("/proc/1/comm"); string(first) != "systemd\n" {
		need.Skip(t, "systemd", "needs systemd as the first process")
	}
}

// command runs a program and returns what it said.
func command(t *testing.T, words ...string) string {
	t.Helper()
	output, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// task is a drydock run under way.
type task struct {
	*exec.Cmd
	out   output
	state string
}

// output may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start begins `drydock run` with these words, on a state directory of its
// own and the machine's leases. around, if any, is a command that starts it.
func start(t *testing.T, around []string, words ...string) *task {
	t.Helper()
	bin := os.Getenv("DRYDOCK_BIN")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := append([]string{filepath.Join(bin, "drydock"), "run", "--state-dir", filepath.Join(dir, "state"), "-w", dir, "--json"}, words...)
	all := append(append([]string{}, around...), run...)
	r := &task{Cmd: exec.Command(all[0], all[1:]...), state: filepath.Join(dir, "state")}
	r.Dir, r.Stdout, r.Stderr = dir, &r.out, &r.out
	r.WaitDelay = time.Second
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Process.Kill() })
	return r
}

// hog is the program that tasks run.
func hog() string { return os.Getenv("DRYDOCK_HOG") }

// untilGate is a program that says "ready", and runs out of memory after open.
func untilGate() []string {
	const script = `trap 'exit 0' TERM; echo ready; until [ -e gate ]; do sleep 0.05; done; exec "$0" touch 100`
	return []string{"sh", "-c", script, hog()}
}

// open lets the program go on.
func (r *task) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.Dir, "gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// says waits until the output holds text.
func (r *task) says(t *testing.T, text string) {
	t.Helper()
	within(t, "nobody said "+text+": "+r.out.String(), func() bool { return strings.Contains(r.out.String(), text) })
}

// verdict waits for the end and returns the verdict and its code.
func (r *task) verdict(t *testing.T) (verdict, code string) {
	t.Helper()
	_ = r.Wait()
	for line := range strings.Lines(r.out.String()) {
		var ended struct{ Type, Verdict, Code string }
		if json.Unmarshal([]byte(line), &ended) == nil && ended.Type == "ended" {
			return ended.Verdict, ended.Code
		}
	}
	t.Errorf("no verdict: %s", r.out.String())
	return "", ""
}

// within polls until is says yes.
func within(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal(otherwise)
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}
