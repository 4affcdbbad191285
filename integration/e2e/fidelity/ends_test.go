// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/executor"
)

var _ = register(doing{
	"exits/e0":        shell("64Mi", "exit 0"),
	"exits/e3":        shell("64Mi", "exit 3"),
	"exits/e137":      shell("64Mi", "exit 137"),
	"exits/childkill": shell("64Mi", "sleep 60 & kill -9 $!; wait $!; exit $?"),
	"exits/kill1":     shell("64Mi", "kill -9 1; echo still here; exit 0"),
	"kill9-host":      kill9,
	"kill15-host":     deafTo(syscall.SIGTERM),
	"segv-host":       deafTo(syscall.SIGSEGV),
	"deadline":        deadline,
	"deadline-nice":   deadlineNice,
	"delete-grace":    deleted,
	"start-nofile":    command("nosuchprogram"),
	"start-noexec":    command("/etc/passwd"),
	"termlog":         termLog,
	"fallback-oom":    lastWords,
})

func command(argv ...string) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		e := l.run(t, job{argv: argv, res: memory("32Mi")})
		return e.said(e.status(t))
	}
}

var waiting = []string{"out", "ready", "sleep", "60000"}

func kill9(t *testing.T, l *lab) facts {
	return l.run(t, job{args: waiting, res: memory("32Mi"), during: func(t *testing.T, r *live) {
		r.says(t, "ready")
		if err := syscall.Kill(r.pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}}).status(t)
}

// deafTo sends a signal from outside to a process 1 without a handler for it.
func deafTo(signal syscall.Signal) func(*testing.T, *lab) facts {
	return func(t *testing.T, l *lab) facts {
		f := facts{}
		l.run(t, job{args: waiting, res: memory("32Mi"), during: func(t *testing.T, r *live) {
			r.says(t, "ready")
			if err := syscall.Kill(r.pid, signal); err != nil {
				t.Error(err)
			}
			select {
			case <-r.done:
				f["reason"], f["phase"] = "(ended)", "Failed"
			case <-time.After(time.Second):
				f["reason"], f["phase"] = "(running)", "Running"
			}
			r.stop(errors.New("seen enough"))
		}})
		return f
	}
}

func deadline(t *testing.T, l *lab) facts {
	e := l.run(t, job{args: []string{"ignore", "sleep", "60000"}, res: memory("32Mi"), task: func(task *executor.Task) {
		task.Timeout = time.Second
	}})
	return e.signals(t, e.status(t))
}

func deadlineNice(t *testing.T, l *lab) facts {
	e := l.run(t, job{sh: "trap 'echo term; exit 0' TERM; while :; do sleep 0.1; done", res: memory("32Mi"), task: func(task *executor.Task) {
		task.Timeout, task.Grace = 5*time.Second, 30*time.Second // a shell may take seconds to its trap
	}})
	return e.said(e.status(t))
}

func deleted(t *testing.T, l *lab) facts {
	e := l.run(t, job{args: []string{"ignore", "sleep", "60000"}, res: memory("32Mi"), during: func(t *testing.T, r *live) {
		r.says(t, "ready")
		r.stop(errors.New("deleted"))
	}})
	return e.signals(t, e.status(t))
}

// termLog writes what a kubelet would make the container's message.
func termLog(t *testing.T, l *lab) facts {
	e := l.run(t, job{sh: "printf 'why it failed' >/dev/termination-log; exit 4", res: memory("32Mi")})
	f := with(e.status(t), "message", "none")
	if strings.Contains(e.Verdict.Message, "why it failed") {
		f["message"] = "why it failed"
	}
	if _, err := os.Lstat("/dev/termination-log"); err == nil {
		t.Error("the file is on the host")
	}
	return f
}

// lastWords are kept beside an OOM.
func lastWords(t *testing.T, l *lab) facts {
	e := l.run(t, job{sh: "echo before; ./hog touch 64", res: memory("32Mi")})
	return with(e.status(t), "last words", fmt.Sprint(strings.TrimSpace(e.attempt(t).Outcome.Tail)))
}
