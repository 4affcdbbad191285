// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fromOutside sends a scenario's signals while drydock runs. The function it
// returns waits for the last one and tells what went wrong; ctx ends it early.
func (r *run) fromOutside(ctx context.Context, signals []Outside, drydock int) func() []string {
	problems := make(chan string, len(signals))
	for _, o := range signals {
		go func() { problems <- r.send(ctx, o, drydock) }()
	}
	return func() []string {
		var all []string
		for range signals {
			if problem := <-problems; problem != "" {
				all = append(all, problem)
			}
		}
		return all
	}
}

func (r *run) send(ctx context.Context, o Outside, drydock int) string {
	signal := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(o.Signal), "SIG"))
	if signal == 0 {
		return fmt.Sprintf("outside: no such signal: %q", o.Signal)
	}
	ended := fmt.Sprintf("outside: drydock ended before %s could be sent to %s", o.Signal, o.Target)
	select {
	case <-ctx.Done():
		return ended
	case <-time.After(time.Duration(o.After * float64(time.Second))):
	}
	pid := drydock
	switch o.Target {
	case "drydock":
	case "main":
		for pid = 0; pid == 0; pid = mainProcess(r.place.token) {
			select {
			case <-ctx.Done():
				return ended + ": no process with the token was found"
			case <-time.After(20 * time.Millisecond):
			}
		}
	default:
		return fmt.Sprintf("outside: no such target: %q", o.Target)
	}
	if err := unix.Kill(pid, signal); err != nil {
		return fmt.Sprintf("outside: %s to %s: %v", o.Signal, o.Target, err)
	}
	return ""
}

// mainProcess is the task's main process, found by the token in its command
// line: PID 1 of its namespace where it has one of its own, else the oldest.
// The programs of drydock carry the task's command line too and are left out.
func mainProcess(token string) int {
	oldest := 0
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range paths {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.Contains(cmdline, []byte(token)) || ofDrydock(dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if inner := innerPID(dir); inner == 1 && pid != 1 {
			return pid
		}
		if oldest == 0 || pid < oldest {
			oldest = pid
		}
	}
	return oldest
}

// ofDrydock says that a process runs a program of drydock, or the re-executed
// copy of one (whose path is that of a memory file).
func ofDrydock(dir string) bool {
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil {
		return false
	}
	name, _ := os.ReadFile(filepath.Join(dir, "comm"))
	return strings.Contains(filepath.Base(exe), "drydock") || strings.Contains(exe, "memfd:") ||
		strings.HasPrefix(string(name), "drydock")
}

// innerPID is the PID in the innermost namespace; 0: not known.
func innerPID(dir string) int {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(rest)
			inner, _ := strconv.Atoi(fields[len(fields)-1])
			return inner
		}
	}
	return 0
}
