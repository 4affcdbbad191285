// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/internal/report"
	"drydock/resources"
	"drydock/sandbox"
)

var boardTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newsOf(kind flyte.NewsType, run, action, name string, change func(*flyte.News)) flyte.News {
	n := flyte.News{Type: kind, Time: boardTime, ID: "p/d/" + run + "/" + action, Run: run, Action: action, Name: name, Kind: "task", Attempt: 1}
	if change != nil {
		change(&n)
	}
	return n
}

func evidenceOfOOM() []executor.EndedAttempt {
	limit, _ := resources.Quantity("400Mi").Parse()
	cpu, _ := resources.Quantity("1").Parse()
	return []executor.EndedAttempt{{
		Number: 1, Class: executor.OOM, Message: "out of memory: a0 (pid 1) was killed at the memory limit of 400 MiB",
		Resources: resources.Demand{Memory: resources.Allotment{Request: limit, Limit: limit, RequestOrigin: resources.Asked, LimitOrigin: resources.Default},
			CPU: resources.Allotment{Request: cpu, Limit: cpu}},
		OOM: &executor.OOMReport{Limit: 400 << 20, Peak: 400 << 20, Anon: 398 << 20, Kernel: 2 << 20, Main: true, Group: sandbox.GroupEnforced,
			Victim: &sandbox.Victim{PID: 1, Name: "a0", RSS: 390 << 20}, Seconds: 2.5, Cores: 8},
		Hints: []string{`try flyte.Resources(cpu=1, memory="800Mi")`, "another hint"},
	}}
}

// program is the news of the program that drydock is made for.
func program() []flyte.News {
	verdict := func(v executor.Class, seconds float64) func(*flyte.News) {
		return func(n *flyte.News) { n.Verdict, n.Seconds = v, seconds }
	}
	return []flyte.News{
		newsOf(flyte.NewsCreated, "rabc", "", "main", nil),
		newsOf(flyte.NewsQueued, "rabc", "a0", "main", nil),
		newsOf(flyte.NewsStarted, "rabc", "a0", "main", func(n *flyte.News) {
			n.MemoryLimit, n.Notes = 1<<30, []string{"image x is not used"}
			n.Limits = []sandbox.Enforcement{{Limit: "memory", State: sandbox.Enforced}, {Limit: "disk", State: sandbox.NotEnforced, Why: "not built yet"}}
		}),
		newsOf(flyte.NewsQueued, "rabc", "c1", "train_model", nil),
		newsOf(flyte.NewsQueued, "rabc", "c1", "train_model", func(n *flyte.News) { n.Waiting = "waits until 1 CPU is free" }),
		newsOf(flyte.NewsStarted, "rabc", "c1", "train_model", func(n *flyte.News) { n.MemoryLimit, n.Notes = 400<<20, []string{"image x is not used"} }),
		newsOf(flyte.NewsSample, "rabc", "c1", "train_model", func(n *flyte.News) { n.Sample = &flyte.SampleNews{Memory: 390 << 20} }),
		newsOf(flyte.NewsEnded, "rabc", "c1", "train_model", func(n *flyte.News) {
			n.Verdict, n.Code, n.Message, n.Attempts = executor.OOM, "OOMKilled", "long", evidenceOfOOM()
		}),
		newsOf(flyte.NewsRetried, "rabc", "c2", "flaky", func(n *flyte.News) { n.Verdict, n.Code, n.Message = executor.Failed, "ValueError", "no\n  luck" }),
		newsOf(flyte.NewsRetried, "rabc", "c2", "flaky", func(n *flyte.News) {
			n.Attempt, n.Verdict, n.Code, n.Message = 2, executor.Failed, "ValueError", "no"
		}),
		newsOf(flyte.NewsEnded, "rabc", "c2", "flaky", verdict(executor.Succeeded, 3.25)),
		newsOf(flyte.NewsEnded, "rabc", "c3", "slow", func(n *flyte.News) {
			n.Verdict, n.Code, n.Message = executor.Timeout, "MAX_RUNTIME_EXCEEDED", "too long"
		}),
		newsOf(flyte.NewsEnded, "rabc", "c4", "known", func(n *flyte.News) { n.Verdict, n.Cached = executor.Succeeded, true }),
		newsOf(flyte.NewsEnded, "rabc", "c5", "gone", func(n *flyte.News) { n.Verdict, n.Message = executor.Aborted, "Ctrl-C" }),
		newsOf(flyte.NewsEnded, "rabc", "t1", "step", func(n *flyte.News) { n.Kind, n.Verdict = "trace", executor.Succeeded }),
		newsOf(flyte.NewsPaused, "rabc", "q1", "approve", nil),
		newsOf(flyte.NewsEnded, "rabc", "a0", "ev\x1b[31mil", verdict(executor.Failed, 0)),
		newsOf(flyte.NewsOver, "rabc", "", "main", verdict(executor.OOM, 9)),
	}
}

func TestBoardLines(t *testing.T) {
	b := newBoard(report.Style{}, false, func() time.Time { return boardTime })
	var text strings.Builder
	for _, n := range program() {
		text.WriteString(b.apply(n))
	}
	const want = `drydock: run rabc of main
  main            running, memory limit 1 GiB
  not enforced: disk (not built yet)
  note: image x is not used
  train_model     waits until 1 CPU is free
  train_model     running, memory limit 400 MiB
  train_model     out of memory: a0 (pid 1) was killed at the memory limit of 400 MiB
  limit       400 MiB     asked for: memory 400Mi
  peak        400 MiB     anon 398 MiB, file 0 B, shmem 0 B, kernel 2 MiB
  killed      a0          the main process, pid 1, RSS 390 MiB
  group kill  yes         the kernel ended the whole attempt with the victim, as on the cluster
  when        2.5s        into the attempt
  cores       8 seen      CPU limit 1
  try         train_model.override(resources=flyte.Resources(cpu=1, memory="800Mi"))
  hint        another hint
  flaky           attempt 1 failed: ValueError: no
      luck
  flaky           tries again
  flaky           attempt 2 failed: ValueError: no; tries again
  flaky           done in 3.3s
  slow            timed out: MAX_RUNTIME_EXCEEDED: too long
  known           done, from the cache
  gone            aborted: Ctrl-C
  approve         waits for a signal: flyte signal condition rabc q1 VALUE
  ev?[31mil       failed
drydock: run rabc ran out of memory after 9s
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(b.rows) != 0 || len(b.runs) != 0 {
		t.Errorf("left on the board: %+v %v", b.rows, b.runs)
	}
}

func TestBoardRows(t *testing.T) {
	b := newBoard(report.Style{}, true, func() time.Time { return boardTime.Add(83 * time.Second) })
	for _, n := range program()[:7] {
		if text := b.apply(n); strings.Contains(text, "running") || strings.Contains(text, "waits") {
			t.Errorf("a line says what a row shows: %q", text)
		}
	}
	b.apply(newsOf(flyte.NewsQueued, "rabc", "c9", "later", nil))
	want := []string{
		"  main            running 1m23s  [          ]  0 B of 1 GiB",
		"  train_model     running 1m23s  [=========   ]",
		"  later           queued",
	}
	want[1] = "  train_model     running 1m23s  [========= ]  390 MiB of 400 MiB"
	if diff := cmp.Diff(want, b.paint(100, 10)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{want[0], "  … and 2 more: 1 running, 1 waiting"}, b.paint(100, 2)); diff != "" {
		t.Errorf("no room: -want +got:\n%s", diff)
	}
	for _, row := range b.paint(20, 10) {
		if n := len([]rune(row)); n >= 20 {
			t.Errorf("%d wide: %q", n, row)
		}
	}
	// A long name leaves room for the memory.
	long := &boardRow{name: strings.Repeat("long_", 12), running: true, started: boardTime, memory: 51 << 20, limit: 400 << 20}
	if row := b.paintRow(long, 80); row != "  long_long_long_long_long_lon…  running 1m23s  [=         ]  51 MiB of 400 MiB" {
		t.Errorf("%q", row)
	}
	// A second run: whose row is whose.
	b.apply(newsOf(flyte.NewsCreated, "rxyz12345", "", "main", nil))
	b.apply(newsOf(flyte.NewsQueued, "rxyz12345", "a0", "main", nil))
	if row := b.paint(100, 10)[3]; row != "  rxyz12 main     queued" {
		t.Errorf("%q", row)
	}
}
