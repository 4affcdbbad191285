// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// guardVariable holds the plan of the guard that this process is to be.
const guardVariable = "DRYDOCK_ENGINE_GUARD"

// plan is what a guard has to know.
type plan struct {
	Argv   []string
	Env    []string // added to the environment
	Socket string   // path
	Log    string
	Dir    string // removed at the end, with all mounts below
	Root   string // the data directory, which may lie elsewhere: emptied at the end
	Cgroup string // parent of the containers' cgroups
	Bridge string // name; "": none
	// Revive has a dead daemon started once more at the end, because its
	// containers have things in common places that only it knows.
	Revive bool
}

// guard is the side of the test process.
type guard struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
	pid     int // of the daemon; 0: not running
}

// startGuard starts a guard; the engine itself waits for an order.
func startGuard(p plan) (*guard, error) {
	words, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	said, err := os.Create(filepath.Join(p.Dir, "guard.log"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	g := &guard{cmd: exec.Command(self)}
	g.cmd.Env = append(os.Environ(), guardVariable+"="+string(words))
	g.cmd.Dir = "/" // not in a directory that a test removes
	// Not this process's: whoever reads it to its end would wait for the guard.
	g.cmd.Stderr = said
	// A signal from the terminal is for the tests; the guard does its work.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if g.orders, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.answers = bufio.NewReader(answers)
	return g, g.cmd.Start()
}

// order has the guard do something and waits until it is done.
func (g *guard) order(word string) error {
	if _, err := io.WriteString(g.orders, word+"\n"); err != nil {
		return fmt.Errorf("the guard is gone: %w", err)
	}
	line, err := g.answers.ReadBytes('\n')
	var a answer
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		return fmt.Errorf("the guard did not answer: %w", err)
	}
	g.pid = a.Pid
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

// end has everything ended and removed; its error tells what would not go.
func (g *guard) end() error {
	g.pid = 0
	_ = g.orders.Close()
	rest, err := io.ReadAll(g.answers)
	if waited := g.cmd.Wait(); waited != nil {
		err = errors.Join(err, waited)
	}
	if err != nil {
		return fmt.Errorf("end an engine: %w %s", err, strings.TrimSpace(string(rest)))
	}
	return nil
}

// answer is what a guard says after each order.
type answer struct {
	Pid   int    // of the daemon; 0: not running
	Error string // "": done
}
