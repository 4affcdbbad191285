// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"drydock/integration/guest/wire"
)

// reporter sends frames to the harness. It is safe for concurrent use.
type reporter struct {
	mu   sync.Mutex
	port io.Writer
}

// send drops errors: nobody but the harness could be told of them.
func (r *reporter) send(f wire.Frame) {
	line, err := json.Marshal(f)
	if err != nil {
		panic(err) // plain data
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.port.Write(append(line, '\n'))
}

// jobs runs the plan.
func jobs() error {
	port, err := openPort(wire.Port)
	if err != nil {
		return err
	}
	defer port.Close()
	r := &reporter{port: port}
	plan, err := readPlan(wire.Payload)
	if err == nil && plan.Swap {
		err = exec.Command("mkswap", moreDisk).Run()
	}
	if err == nil && plan.Quota != "" {
		err = mountQuota(plan.Quota)
	}
	if err == nil && plan.Kept {
		err = mountAll([]mount{{moreDisk, wire.Keep, "ext4", 0, ""}})
	}
	if err != nil {
		r.send(wire.Frame{Fatal: err.Error()})
		return err
	}
	r.send(wire.Frame{Hello: hello()})
	for i, job := range plan.Jobs {
		r.send(wire.Frame{End: run(r, i, job)})
	}
	r.send(wire.Frame{Bye: true})
	return nil
}

// mountQuota mounts the disk with quotas for projects on /tmp.
func mountQuota(kind string) error {
	options := map[string]string{"xfs": "pquota", "ext4": "prjquota"}[kind]
	if err := unix.Mount(moreDisk, "/tmp", kind, 0, options); err != nil {
		return fmt.Errorf("mount %s with %s: %w", kind, options, err)
	}
	return os.Chmod("/tmp", 0o777|os.ModeSticky)
}

func hello() *wire.Hello {
	h := wire.Hello{Kernel: line("/proc/sys/kernel/osrelease"), Clock: line("/sys/devices/system/clocksource/clocksource0/current_clocksource")}
	_, _ = fmt.Sscan(line("/proc/uptime"), &h.Uptime)
	return &h
}

func line(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

// openPort finds the virtio port of that name; udev, which would link it, is
// not always there.
func openPort(name string) (*os.File, error) {
	for range 1000 {
		ports, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, file := range ports {
			if line(file) == name {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(file)), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("no virtio port %q", name)
}

// jobOutput sends what a job prints.
type jobOutput struct {
	to  *reporter
	job int
}

func (o jobOutput) Write(p []byte) (int, error) {
	o.to.send(wire.Frame{Out: &wire.Output{Job: o.job, Data: p}})
	return len(p), nil
}

// killDelay is what a job has to print where it hung, after its limit.
const killDelay = 20 * time.Second

func run(to *reporter, i int, job wire.Job) *wire.End {
	ctx, cancel := context.WithTimeout(context.Background(), job.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, job.Args[0], job.Args[1:]...)
	cmd.Env = append(os.Environ(), job.Env...)
	cmd.Dir = job.Dir
	output := jobOutput{to, i}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A Go program tells what its goroutines do.
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGQUIT) }
	cmd.WaitDelay = killDelay
	err := cmd.Run()
	end := &wire.End{Job: i, Exit: -1}
	if cmd.ProcessState != nil {
		end.Exit = cmd.ProcessState.ExitCode()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		end.Error = fmt.Sprintf("not done after %v", job.Limit)
	case err != nil && !errors.As(err, &exit):
		end.Error = err.Error()
	}
	return end
}
