// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/leftover"
	"drydock/internal/provide"
	"drydock/internal/signals"
)

// Patience with a daemon.
const (
	startTime = 2 * time.Minute  // 2 s on a quiet machine; much more on an emulated one
	stopTime  = 30 * time.Second // it gives its containers 10 s to end
)

// guarding is the side of the guard.
type guarding struct {
	plan

	mu    sync.Mutex    // against the reaper
	pid   int           // of the daemon, once there was one
	ended chan struct{} // closed when the daemon has ended and was reaped
	how   string        // it ended; after ended
}

// beGuard is the whole life of a guard; it returns the exit status.
func beGuard(words string) int {
	signals.Default() // what is ignored here is ignored in every container
	// Neither the terminal nor whoever ends the tests is to end this early.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	g := &guarding{}
	err := json.Unmarshal([]byte(words), &g.plan)
	if err == nil {
		err = os.Unsetenv(guardVariable) // the daemon's environment has no use for it
	}
	if err == nil {
		// What the daemon leaves orphaned comes here.
		err = leftover.BecomeSubreaper()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go g.reap()
	orders := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for orders.Scan() {
		var a answer
		if err := g.obey(orders.Text()); err != nil {
			a.Error = err.Error()
		}
		g.mu.Lock()
		a.Pid = g.pid
		g.mu.Unlock()
		_ = answers.Encode(a) // nobody left to tell: the orders end too
	}
	if err := g.cleanUp(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func (g *guarding) obey(order string) error {
	switch order {
	case "start":
		return g.start()
	case "stop":
		return g.stop()
	case "kill":
		return g.kill()
	}
	return fmt.Errorf("no such order: %q", order)
}

func (g *guarding) runs() bool {
	if g.ended == nil {
		return false
	}
	select {
	case <-g.ended:
		return false
	default:
		return true
	}
}

// start starts the daemon and waits until it answers.
func (g *guarding) start() error {
	if g.runs() {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(g.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	daemon := exec.Command(g.Argv[0], g.Argv[1:]...)
	daemon.Env = append(os.Environ(), g.Env...)
	daemon.Dir = g.Dir
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.mu.Lock()
	if err := daemon.Start(); err != nil {
		g.mu.Unlock()
		return err
	}
	g.pid, g.ended = daemon.Process.Pid, make(chan struct{})
	g.mu.Unlock()
	return errors.Join(g.ready(), daemon.Process.Release())
}

// reap waits for all children, the daemon and what it left orphaned: a daemon
// that was started again would take a zombie for its old containerd, alive.
func (g *guarding) reap() {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, unix.SIGCHLD)
	for range ends {
		for g.reapOne() {
		}
	}
}

func (g *guarding) reapOne() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err == unix.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if pid == g.pid {
		g.how = fmt.Sprintf("exit status %d, signal %d", status.ExitStatus(), status.Signal())
		g.pid = 0
		close(g.ended)
	}
	return true
}

// ready waits for an answer to the engine's ping.
func (g *guarding) ready() error {
	c := client{path: g.Socket, patience: 5 * time.Second} // then it is asked anew
	for begin := time.Now(); time.Since(begin) < startTime; {
		if _, err := c.do(http.MethodGet, "/_ping", nil); err == nil {
			return nil
		}
		select {
		case <-g.ended:
			return fmt.Errorf("it ended at once (%s)", g.how)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(fmt.Errorf("no answer within %v", startTime), g.kill())
}

// stop ends the daemon gently, and otherwise when it does not listen.
func (g *guarding) stop() error {
	if !g.runs() {
		return nil
	}
	g.signal(unix.SIGCONT)
	g.signal(unix.SIGTERM)
	select {
	case <-g.ended:
		return nil
	case <-time.After(stopTime):
		return errors.Join(fmt.Errorf("it did not end within %v", stopTime), g.kill())
	}
}

func (g *guarding) kill() error {
	if g.runs() {
		g.signal(unix.SIGKILL)
		<-g.ended
	}
	return nil
}

// signal sends the daemon a signal while it is there: once it was reaped its
// PID may be another's.
func (g *guarding) signal(s unix.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pid != 0 {
		_ = unix.Kill(g.pid, s)
	}
}

// tail is the end of a log, for people.
func tail(log string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return provide.LastLines(string(text))
}
