// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output keeps what a process prints and may be read while it runs.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

func (o *output) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Len()
}

func (o *output) tail(n int) string {
	text := o.String()
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

// process is a program under way.
type process struct {
	*exec.Cmd
	out  *output // both streams, as a person sees them
	name string
	done chan struct{} // closed when it has ended
	err  error
}

// spawn starts a program, which is killed with its group after limit.
func spawn(t testing.TB, limit time.Duration, env []string, dir string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	p := &process{Cmd: exec.CommandContext(ctx, args[0], args[1:]...), out: &output{}, name: strings.Join(args, " "), done: make(chan struct{})}
	p.Env, p.Dir = env, dir
	p.Stdout, p.Stderr = p.out, p.out
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }
	p.WaitDelay = 5 * time.Second
	if err := p.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer cancel()
		p.err = p.Wait()
		if cause := ctx.Err(); errors.Is(cause, context.DeadlineExceeded) {
			p.err = errors.Join(errors.New("it took longer than "+limit.String()), p.err)
		}
		close(p.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.done
	})
	return p
}

// exit waits for the end and returns the exit code; -1 after a kill.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	<-p.done
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) || p.ProcessState.ExitCode() < 0 {
		t.Errorf("%s: %v", p.name, p.err)
	}
	return p.ProcessState.ExitCode()
}

// succeed waits for the end and wants exit code 0.
func (p *process) succeed(t testing.TB) string {
	t.Helper()
	if code := p.exit(t); code != 0 {
		t.Errorf("%s: exit %d\n%s", p.name, code, p.out)
	}
	return p.out.String()
}

// within polls until is says yes.
func within(t testing.TB, d time.Duration, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal(otherwise)
}
