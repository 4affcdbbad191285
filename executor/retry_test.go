// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
	"drydock/sandbox"
)

// runRetried runs a task and returns, for each attempt, its start in seconds
// from the first, its memory limit in MiB and its verdict.
func runRetried(t *testing.T, task Task, change func(*Config)) (*Result, []string, []Retried) {
	t.Helper()
	var told []Retried
	result, _ := newExecutor(t, change).Run(t.Context(), task, WithEvents(func(e Event) {
		if e.Retried != nil {
			told = append(told, *e.Retried)
		}
	}))
	var seen []string
	for _, a := range result.Attempts {
		seen = append(seen, fmt.Sprintf("%v %dMi %s", a.StartedAt.Sub(result.Attempts[0].StartedAt),
			a.Demand.Memory.LimitBytes()/mib, a.Verdict.Class))
	}
	return result, seen, told
}

func TestRetries(t *testing.T) {
	memory := func(r resources.Range) resources.Resources { return resources.Resources{Memory: r} }
	for _, tc := range []struct {
		name   string
		task   Task
		change func(*Config)
		want   []string
		says   string // in the last hints
	}{
		{name: "none", task: hog("exit", "3"), want: []string{"0s 1024Mi failed"}},
		{name: "user retries double their backoff",
			task: Task{Command: hog("exit", "3").Command, Retries: Retries{Count: 3, Backoff: 2 * time.Second}},
			want: []string{"0s 1024Mi failed", "2s 1024Mi failed", "6s 1024Mi failed", "14s 1024Mi failed"},
			says: "all 3 retries are used"},
		{name: "an OOM without a policy of its own is a failure of kind user",
			task: Task{Command: hog("touch", "100").Command, Resources: memory(resources.Of("64Mi")), Retries: Retries{Count: 1}},
			want: []string{"0s 64Mi oom", "0s 64Mi oom"}},
		{name: "more memory until it fits",
			task: Task{Command: hog("touch", "400").Command, Resources: memory(resources.Of("64Mi")), OOMRetry: &OOMRetry{Attempts: 5}, Retries: Retries{Count: 9}},
			want: []string{"0s 64Mi oom", "0s 128Mi oom", "0s 256Mi oom", "0s 512Mi succeeded"}},
		{name: "three attempts in all unless said otherwise",
			task: Task{Command: hog("touch", "400").Command, Resources: memory(resources.Of("64Mi")), OOMRetry: &OOMRetry{Factor: 1.5}},
			want: []string{"0s 64Mi oom", "0s 96Mi oom", "0s 144Mi oom"},
			says: "3 attempts with more memory"},
		{name: "the ceiling is tried, and then it ends",
			task: Task{Command: hog("touch", "400").Command, Resources: memory(resources.Of("64Mi")), OOMRetry: &OOMRetry{Factor: 3, Max: 200 * mib, Attempts: 9}},
			want: []string{"0s 64Mi oom", "0s 192Mi oom", "0s 200Mi oom"},
			says: "as much memory as this task may get"},
		{name: "the machine is a ceiling, too",
			task:   Task{Command: hog("touch", "4000").Command, Resources: memory(resources.Of("512Mi")), OOMRetry: &OOMRetry{Attempts: 9}},
			change: func(c *Config) { c.Capacity.Memory = 1 << 30 },
			want:   []string{"0s 512Mi oom", "0s 1024Mi oom"},
			says:   "as much memory"},
		{name: "and so is the profile",
			task: Task{Command: hog("touch", "4000").Command, Resources: memory(resources.Of("512Mi")), OOMRetry: &OOMRetry{Attempts: 9}},
			change: func(c *Config) {
				p := resources.DefaultProfile()
				p.Limits.Memory = "600Mi"
				c.Profile = &p
			},
			want: []string{"0s 512Mi oom", "0s 600Mi oom"}},
		{name: "a start that failed fails again",
			task: Task{Command: hog().Command, Resources: memory(resources.Of("1Mi")), Retries: Retries{Count: 5}, OOMRetry: &OOMRetry{}},
			want: []string{"0s 1Mi start-failed"}},
		{name: "a kill by somebody else is no failure of the task's",
			task: Task{Command: hog("signal", "SIGKILL").Command, Retries: Retries{Count: 5}},
			want: []string{"0s 1024Mi interrupted"}},
		{name: "system retries are counted apart",
			task:   Task{Command: hog("signal", "SIGKILL").Command, Retries: Retries{Count: 5}},
			change: func(c *Config) { c.SystemRetries = 2 },
			want:   []string{"0s 1024Mi interrupted", "1s 1024Mi interrupted", "3s 1024Mi interrupted"}},
		{name: "an unknown end is not repeated",
			task: Task{Command: hog().Command, Retries: Retries{Count: 5}},
			change: func(c *Config) {
				c.SystemRetries = 5
				c.Sandbox = edited(func(o *sandbox.Outcome) { o.Counters = nil })
			},
			want: []string{"0s 1024Mi unknown"}},
		{name: "a timeout is retried",
			task: Task{Command: hog("sleep", "60000").Command, Timeout: time.Second, Grace: -1, Retries: Retries{Count: 1}},
			want: []string{"0s 1024Mi timeout", "1s 1024Mi timeout"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				result, seen, told := runRetried(t, tc.task, tc.change)
				diff(t, tc.want, seen)
				if len(told) != len(seen)-1 {
					t.Errorf("%d retried events for %d attempts", len(told), len(seen))
				}
				for i, r := range told {
					if r.Number != i+2 || r.Reason == "" {
						t.Errorf("retried event %+v", r)
					}
				}
				if hints := strings.Join(result.Verdict.Hints, "\n"); !strings.Contains(hints, tc.says) {
					t.Errorf("no hint says %q: %s", tc.says, hints)
				}
				dirs := map[string]bool{}
				for _, a := range result.Attempts {
					dirs[a.Dir] = true
				}
				if len(dirs) != len(result.Attempts) {
					t.Errorf("attempts share directories: %v", dirs)
				}
			})
		})
	}
}

// The memory of a retry is an override; a pair keeps its proportion.
func TestOOMRetryDemand(t *testing.T) {
	for name, tc := range map[string]struct {
		asked          resources.Range
		request, limit int64 // MiB, of the second attempt
	}{
		"scalar": {resources.Of("64Mi"), 128, 128},
		"pair":   {resources.Pair("32Mi", "64Mi"), 64, 128},
		"third":  {resources.Pair("20Mi", "60Mi"), 40, 120},
		"limit":  {resources.Pair("64Mi", "64Mi"), 128, 128},
	} {
		t.Run(name, func(t *testing.T) {
			task := hog("touch", "100")
			task.Resources = resources.Resources{CPU: resources.Of("2"), Memory: tc.asked}
			task.OOMRetry = &OOMRetry{}
			result, _, _ := runRetried(t, task, nil)
			d := result.Attempts[1].Demand
			if d.Memory.RequestBytes() != tc.request*mib || d.Memory.LimitBytes() != tc.limit*mib {
				t.Errorf("memory %d, %d MiB; want %d, %d", d.Memory.RequestBytes()/mib, d.Memory.LimitBytes()/mib, tc.request, tc.limit)
			}
			if d.Memory.LimitOrigin != resources.Override || d.Memory.RequestOrigin != resources.Override || d.CPU.RequestOrigin != resources.Asked {
				t.Errorf("origins %s, %s; cpu %s", d.Memory.RequestOrigin, d.Memory.LimitOrigin, d.CPU.RequestOrigin)
			}
			if d.CPU.RequestMilli() != 2000 {
				t.Errorf("cpu became %d", d.CPU.RequestMilli())
			}
		})
	}
}

// A default limit, which nobody wrote, is raised as well.
func TestOOMRetryOfTheDefault(t *testing.T) {
	task := hog("touch", "1500")
	task.OOMRetry = &OOMRetry{}
	result, seen, _ := runRetried(t, task, nil)
	diff(t, 2, len(seen))
	diff(t, Succeeded, result.Verdict.Class)
}

// Stopped during the backoff: aborted, with the attempts that were.
func TestAbortDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, SignalCause{"SIGINT"})
		defer cancel()
		task := hog("exit", "3")
		task.Retries = Retries{Count: 1, Backoff: time.Hour}
		result, err := newExecutor(t, nil).Run(ctx, task)
		if !errors.Is(err, SignalCause{"SIGINT"}) || result.Verdict.Class != Aborted || len(result.Attempts) != 1 || ExitCode(result) != 130 {
			t.Errorf("got %v, %s, %d attempts, exit %d", err, result.Verdict.Class, len(result.Attempts), ExitCode(result))
		}
	})
}

func TestDoubled(t *testing.T) {
	for _, tc := range []struct {
		first time.Duration
		n     int
		want  time.Duration
	}{
		{0, 3, 0},
		{time.Second, 0, time.Second},
		{time.Second, 3, 8 * time.Second},
		{time.Second, 400, maxBackoff},
		{time.Hour, 2, time.Hour}, // what was asked stands
	} {
		if got := doubled(tc.first, tc.n); got != tc.want {
			t.Errorf("doubled(%v, %d) = %v, want %v", tc.first, tc.n, got, tc.want)
		}
	}
}
