// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// run is one round: what was started and what came back.
type run struct {
	place   place
	plain   bool
	argv    []string
	exit    int // as a shell shows it: 128+n after a signal
	seconds float64
	slow    float64 // the Runner's
	rssMB   float64 // of drydock's own largest process; 0: not measured

	stdout, stderr bytes.Buffer // raw
	document
	problems []string
}

// launch starts drydock, sends what comes from outside, and waits.
func (r *Runner) launch(s Scenario, p place, env []string) (*run, error) {
	run := &run{place: p, plain: s.Mode == "plain", slow: max(1, r.Slow)}
	run.argv = r.argv(s, p)
	hang := s.Hang
	if hang == 0 {
		hang = defaultHang
	}
	hang *= run.slow
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(hang*float64(time.Second)))
	defer cancel()

	argv := wrap(s.Launch, run.argv)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = p.cwd
	cmd.Env = environment(s, p, env)
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	if s.Stdin != nil {
		cmd.Stdin = bytes.NewReader(s.Stdin.Bytes)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 3 * time.Second

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	outside := run.fromOutside(ctx, s.Outside, cmd.Process.Pid)
	peak := measure(s.Expect, cmd.Process.Pid)
	err := cmd.Wait()
	run.seconds = time.Since(start).Seconds()
	hung := ctx.Err() != nil
	cancel()
	run.problems = append(run.problems, outside()...)
	run.rssMB = peak()

	switch {
	case hung:
		run.problem("hung: no end after %v s", hang)
	case errors.Is(err, exec.ErrWaitDelay):
		run.problem("a process kept drydock's stdout or stderr open after its end")
	}
	run.exit = exitStatus(cmd.ProcessState)
	return run, nil
}

func (r *run) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// argv is the command line of step 2.
func (r *Runner) argv(s Scenario, p place) []string {
	argv := []string{r.Drydock, "run"}
	for _, name := range slices.Sorted(maps.Keys(s.Limits)) {
		argv = append(argv, "--"+name, s.Limits[name])
	}
	if r.Image != "" {
		argv = append(argv, r.inImage(s, p)...)
	}
	argv = append(argv, s.Flags...)
	if s.Mode == "plain" {
		argv = append(argv, "--result", p.resultFile())
	} else {
		argv = append(argv, "--json")
	}
	argv = append(argv, "--")
	for _, word := range s.Cmd {
		argv = append(argv, word...)
	}
	return argv
}

// inImage are the flags that put the program into the image. A task there has
// the image's environment, so that a scenario's comes by flag. How long the
// grace is was seen without an image.
func (r *Runner) inImage(s Scenario, p place) []string {
	flags := []string{"--image", r.Image, "--network", "none", "-v", p.cwd + ":" + p.cwd, "-w", p.cwd, "--grace", "3s"}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		flags = append(flags, "--env", name+"="+s.Env[name])
	}
	return flags
}

func (p place) resultFile() string { return filepath.Join(p.scratch, "result.json") }

// wrap starts argv the way a scenario wants drydock itself to be started.
func wrap(l Launch, argv []string) []string {
	script := ""
	if l.OOMScoreAdj != nil {
		script += fmt.Sprintf("echo %d > /proc/self/oom_score_adj && ", *l.OOMScoreAdj)
	}
	if l.Cwd == "deleted" {
		script += `mkdir gone && cd gone && rmdir ../gone && `
	}
	if script == "" {
		return argv
	}
	return append([]string{"/bin/sh", "-c", script + `exec "$0" "$@"`}, argv...)
}

// absent names what the scenario needs and this machine lacks; nil: nothing.
func absent(s Scenario) *MissingError {
	for _, program := range s.Needs {
		if _, err := exec.LookPath(program); err != nil {
			return missingProgram(program)
		}
	}
	if adj := s.Launch.OOMScoreAdj; adj != nil {
		probe := wrap(s.Launch, []string{"true"})
		if exec.Command(probe[0], probe[1:]...).Run() != nil {
			return &MissingError{"oom_score_adj", fmt.Sprintf("needs the right to set oom_score_adj to %d", *adj)}
		}
	}
	return nil
}

func environment(s Scenario, p place, more []string) []string {
	env := append(os.Environ(), more...)
	env = append(env, "PWD="+p.cwd)
	for name, value := range s.Env {
		env = append(env, name+"="+value)
	}
	for name, n := range s.EnvMany {
		for i := range n {
			env = append(env, name+strconv.Itoa(i)+"="+strconv.Itoa(i))
		}
	}
	return env
}

func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
