// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/executor"
	"drydock/internal/fidelity"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// hang is when a task counts as hung, on an emulated processor, too.
const hang = 5 * time.Minute

// lab is where all cases run.
type lab struct {
	fidelity.Backend
	shim, hog     string
	engine, image string // of containers; "": see the flags
	sandbox       sandbox.Sandbox
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{Backend: backend(t), hog: os.Getenv("DRYDOCK_HOG")}
	if l.hog == "" {
		l.hog = sandboxtest.BuildHog(t, t.TempDir())
	}
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		l.shim = filepath.Join(bin, "drydock-shim")
	} else {
		l.shim = buildShim(t)
	}
	l.findImage(t)
	l.sandbox = l.newSandbox(t, t.TempDir())
	return l
}

func buildShim(t *testing.T) string {
	t.Helper()
	shim := filepath.Join(t.TempDir(), "drydock-shim")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "netgo osusergo seccomp runc_nocriu",
		"-ldflags", "-s -w -extldflags -static", "-o", shim, "drydock/sandbox/native/shim")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build drydock-shim: %v\n%s", err, output)
	}
	return shim
}

// job is a container of the kubelet's as a task. Its working directory holds
// hog.
type job struct {
	args []string // of hog
	sh   string   // a script instead
	argv []string // a command instead
	res  resources.Resources

	task    func(*executor.Task)
	profile func(*resources.Profile)
	sandbox sandbox.Sandbox // nil: the lab's
	// during is called while it runs.
	during func(t *testing.T, r *live)
}

// live is a job that runs.
type live struct {
	pid  int                     // of the main process, here
	stop context.CancelCauseFunc // aborts it
	done <-chan struct{}         // it has ended
	out  *buffer
}

// says waits for a word of the program's, and gives the program up when it
// does not come.
func (r *live) says(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(hang / 2); !strings.Contains(r.out.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("the program never said %q", text)
			r.stop(errors.New("it is silent"))
			return
		}
	}
}

// end is what came of a job.
type end struct {
	*executor.Result
	out string // standard output
}

// memory is the resources of a task whose CPU does not matter.
func memory(limit resources.Quantity) resources.Resources {
	return resources.Resources{CPU: resources.Of("100m"), Memory: resources.Of(limit)}
}

// run does a job to its end.
func (l *lab) run(t *testing.T, j job) end {
	t.Helper()
	x := l.executor(t, j)
	task := executor.Task{Command: j.argv, Image: l.image, Resources: j.res, WorkDir: l.workDir(t), Grace: 500 * time.Millisecond}
	if task.Image != "" { // which has a file system of its own
		task.Mounts = []sandbox.Mount{{Source: task.WorkDir, Target: task.WorkDir}}
	}
	switch {
	case j.sh != "":
		task.Command = []string{"sh", "-c", j.sh}
	case j.args != nil:
		task.Command = append([]string{"./hog"}, j.args...)
	}
	if j.task != nil {
		j.task(&task)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	started, done, out := make(chan int, 1), make(chan struct{}), &buffer{}
	var waits sync.WaitGroup
	if j.during != nil {
		waits.Go(func() {
			select {
			case pid := <-started:
				j.during(t, &live{pid, stop, done, out})
			case <-done:
			}
		})
	}
	result, err := x.Run(ctx, task, executor.WithStreams(sandbox.Streams{Stdout: out}), executor.WithEvents(func(e executor.Event) {
		if e.Started != nil {
			started <- e.Started.PID
		}
	}))
	close(done)
	waits.Wait()
	if broken(err) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("the task did not come to an end of its own: %v", err)
	}
	return end{result, out.String()}
}

func (l *lab) executor(t *testing.T, j job) *executor.Executor {
	t.Helper()
	config := executor.Config{
		Sandbox: l.sandbox, StateDir: t.TempDir(),
		// Admission is no sandbox's: a small machine, too, is to be asked.
		Capacity: executor.Capacity{CPUMilli: 1 << 20, Memory: 1 << 40},
	}
	if j.sandbox != nil {
		config.Sandbox = j.sandbox
	}
	config.Images = func(context.Context) (sandbox.Sandbox, error) { return config.Sandbox, nil }
	if j.profile != nil {
		p := resources.DefaultProfile()
		j.profile(&p)
		config.Profile = &p
	}
	x, err := executor.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// broken tells a failure of drydock's from the task's.
func broken(err error) bool {
	_, refused := errors.AsType[*executor.RefusedError](err)
	return refused || errors.Is(err, sandbox.ErrNoOutcome)
}

// workDir makes a directory with hog in it, that other users may enter.
func (l *lab) workDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	content, err := os.ReadFile(l.hog)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "hog"), content, 0o755)
	}
	for d := dir; err == nil && len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		err = os.Chmod(d, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// attempt is the one attempt.
func (e end) attempt(t *testing.T) executor.Attempt {
	t.Helper()
	if len(e.Attempts) != 1 {
		t.Fatalf("%d attempts: %s", len(e.Attempts), e.Verdict.Message)
	}
	return e.Attempts[0]
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// with adds facts to others.
func with(f fidelity.Facts, pairs ...string) fidelity.Facts {
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = pairs[i+1]
	}
	return f
}
