// SPDX-License-Identifier: Apache-2.0

package api

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/logs/dataplane"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/internal/crilog"
	"drydock/sandbox"
)

func (f *fixture) print(taskID, text string) {
	f.t.Helper()
	file, err := os.OpenFile(filepath.Join(f.logs, "log-"+taskID), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(strings.ReplaceAll(text, "@", "2026-01-02T03:04:05.000000006Z stdout")); err != nil {
		f.t.Fatal(err)
	}
}

// tail follows a log; every line comes with its end.
func (f *fixture) tail(id *common.ActionIdentifier, attempt uint32) (<-chan string, <-chan error) {
	f.t.Helper()
	lines, done := make(chan string, 1000), make(chan error, 1)
	stream, err := f.data.TailLogs(soon(f.t), connect.NewRequest(&dataproxy.TailLogsRequest{ActionId: id, Attempt: attempt}))
	if err != nil {
		f.t.Fatal(err)
	}
	go func() {
		for stream.Receive() {
			for _, l := range stream.Msg().GetLogs() {
				for _, line := range l.GetLines() {
					lines <- line.GetMessage()
				}
			}
		}
		close(lines)
		done <- stream.Err()
	}()
	return lines, done
}

func wantLine(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case got, ok := <-lines:
		if !ok || got != want {
			t.Fatalf("line = %q, %v, want %q", got, ok, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%q never came", want)
	}
}

func wantEnd(t *testing.T, lines <-chan string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the stream never ends")
	}
	for l := range lines {
		t.Errorf("further line %q", l)
	}
}

func TestTailLogs(t *testing.T) {
	f := newFixture(t)
	id := f.start()
	first := f.launcher.find(t, at(id, 1))
	lines, done := f.tail(id, 1) // nothing is printed yet
	f.print(first.order.TaskID, "@ F one\n@ P sure? \n")
	wantLine(t, lines, "one\n")
	wantLine(t, lines, "sure? ")
	f.print(first.order.TaskID, "@ F yes\n@ F \xff\n")
	wantLine(t, lines, "yes\n")
	wantLine(t, lines, "\uFFFD\n")
	f.launcher.finish(t, at(id, 1), engine.End{Phase: failed, Retry: engine.RetryUser, Error: failure("E", "")})
	wantEnd(t, lines, done) // and not with the action

	second := f.launcher.find(t, at(id, 2))
	f.print(second.order.TaskID, "@ F two\n")
	lines, done = f.tail(id, 2)
	wantLine(t, lines, "two\n")
	f.launcher.finish(t, at(id, 2), engine.End{Phase: succeeded})
	wantEnd(t, lines, done)

	f.await(id, succeeded) // what is over can still be read, attempt by attempt
	lines, done = f.tail(id, 1)
	wantLine(t, lines, "one\n")
	wantLine(t, lines, "sure? yes\n")
	wantLine(t, lines, "\uFFFD\n")
	wantEnd(t, lines, done)
	lines, done = f.tail(id, 0)
	wantLine(t, lines, "two\n")
	wantEnd(t, lines, done)

	old, err := f.oldLogs.TailLogs(soon(f.t), connect.NewRequest(&workflow.TailLogsRequest{ActionId: id, Attempt: 2}))
	if err != nil {
		t.Fatal(err)
	}
	var got []*dataplane.LogLine
	for old.Receive() {
		for _, l := range old.Msg().GetLogs() {
			got = append(got, l.GetLines()...)
		}
	}
	if len(got) != 1 || got[0].GetMessage() != "two\n" || got[0].GetTimestamp().GetNanos() != 6 || got[0].GetOriginator() != dataplane.LogLineOriginator_USER {
		t.Errorf("the older form: %v, %v", got, old.Err())
	}
	_, done = f.tail(id, 3)
	wantCode(t, "an attempt that never was", <-done, connect.CodeNotFound, "attempt 3")
	_, done = f.tail(&common.ActionIdentifier{Run: id.GetRun(), Name: "none"}, 1)
	wantCode(t, "an action that is not there", <-done, connect.CodeNotFound)
}

// What of a log is not kept is drydock's word, not the task's.
func TestLogLines(t *testing.T) {
	lines := logLines([]crilog.Line{crilog.Missing(3), {Stream: "stdout", Text: "one"}})
	if lines[0].GetOriginator() != dataplane.LogLineOriginator_SYSTEM || !strings.Contains(lines[0].GetMessage(), "3 files of the log are not kept") ||
		lines[1].GetOriginator() != dataplane.LogLineOriginator_USER || lines[1].GetMessage() != "one\n" {
		t.Errorf("got %v", lines)
	}
}

// The log of an aborted action goes on until its sandbox is gone.
func TestTailLogsOfAborted(t *testing.T) {
	f := newFixture(t)
	f.launcher.stuck = make(chan struct{})
	id := f.start()
	order := f.launcher.find(t, at(id, 1)).order
	lines, done := f.tail(id, 1)
	if err := f.engine.AbortRun(order.Run.ID, "enough"); err != nil {
		t.Fatal(err)
	}
	f.await(id, aborted)
	f.print(order.TaskID, "@ F last words\n")
	wantLine(t, lines, "last words\n")
	close(f.launcher.stuck)
	wantEnd(t, lines, done)
}

// A hit runs nothing: one attempt is shown, and its log is empty.
func TestCachedRun(t *testing.T) {
	f := newFixture(t)
	cached := func(m *workflow.CreateRunRequest) {
		m.GetTaskSpec().GetTaskTemplate().GetMetadata().Discoverable = true
		m.GetTaskSpec().GetTaskTemplate().GetMetadata().DiscoveryVersion = "1"
	}
	first := f.start(cached)
	order := f.launcher.find(t, at(first, 1)).order
	f.put(order.OutputURI+"/outputs.pb", &task.Outputs{Literals: []*task.NamedLiteral{{Name: "o0", Value: literal(5)}}})
	f.put(order.OutputURI+"/report.html", &task.Outputs{})
	f.launcher.finish(t, at(first, 1), engine.End{Phase: succeeded, HasReport: true})
	f.await(first, succeeded)
	if d := f.details(first); d.GetAttempts()[0].GetOutputs().GetReportUri() != order.OutputURI+"/report.html" {
		t.Errorf("attempt: %v", d.GetAttempts())
	}
	second := f.start(cached)
	d := f.await(second, succeeded)
	if d.GetStatus().GetCacheStatus() != core.CatalogCacheStatus_CACHE_HIT || d.GetStatus().GetAttempts() != 1 || len(d.GetAttempts()) != 1 ||
		d.GetAttempts()[0].GetAttempt() != 1 || d.GetAttempts()[0].GetCacheStatus() != core.CatalogCacheStatus_CACHE_HIT {
		t.Errorf("a hit: %v, %v", d.GetStatus(), d.GetAttempts())
	}
	lines, done := f.tail(second, 1)
	wantEnd(t, lines, done)
	data, err := f.data.GetActionData(t.Context(), connect.NewRequest(&dataproxy.GetActionDataRequest{ActionId: second}))
	if err != nil || len(data.Msg.GetOutputs().GetLiterals()) != 1 {
		t.Errorf("outputs: %v, %v", data, err)
	}
	link, err := f.data.CreateDownloadLink(t.Context(), connect.NewRequest(&dataproxy.CreateDownloadLinkRequest{
		ArtifactType: dataproxy.ArtifactType_ARTIFACT_TYPE_REPORT, Source: &dataproxy.CreateDownloadLinkRequest_ActionAttemptId{
			ActionAttemptId: &common.ActionAttemptIdentifier{ActionId: second, Attempt: 1}}}))
	if err != nil || len(link.Msg.GetPreSignedUrls().GetSignedUrl()) != 1 {
		t.Errorf("the report of a hit: %v, %v", link, err)
	}
}

// What a user should know of an attempt is told as its events.
func TestClusterEvents(t *testing.T) {
	f := newFixture(t)
	id := f.start()
	progress := f.launcher.find(t, at(id, 1)).order.Progress
	f.await(id, running)
	stream, err := f.runs.WatchClusterEvents(soon(f.t), connect.NewRequest(&workflow.WatchClusterEventsRequest{Id: id, Attempt: 1}))
	if err != nil {
		t.Fatal(err)
	}
	progress(engine.Progress{Phase: common.ActionPhase_ACTION_PHASE_WAITING_FOR_RESOURCES, Waiting: "2 GiB of memory"})
	var got []string
	take := func(n int) {
		t.Helper()
		for len(got) < n && stream.Receive() {
			for _, e := range stream.Msg().GetClusterEvents() {
				got = append(got, e.GetReason()+": "+e.GetMessage())
				if e.GetOccurredAt() == nil || e.GetSourceComponent() != "drydock" {
					t.Errorf("event: %v", e)
				}
			}
		}
	}
	take(1)
	progress(engine.Progress{Phase: running, Notes: []string{"image x not used: --native"}, Limits: []sandbox.Enforcement{
		{Limit: "memory", State: sandbox.Enforced}, {Limit: "disk", State: sandbox.NotEnforced, Why: "no quota"}}})
	take(3)
	f.launcher.finish(t, at(id, 1), engine.End{Phase: succeeded})
	take(4)
	want := []string{"WaitingForResources: waiting for 2 GiB of memory", "Note: image x not used: --native", "LimitNotEnforced: disk is not enforced: no quota"}
	if diff := cmp.Diff(want, got); diff != "" || stream.Err() != nil {
		t.Error(diff, stream.Err())
	}
	d := f.await(id, succeeded)
	if n := len(d.GetAttempts()[0].GetClusterEvents()); n != 2 { // it does not wait any more
		t.Errorf("%d events are in the details", n)
	}
	bad, err := f.runs.WatchClusterEvents(soon(f.t), connect.NewRequest(&workflow.WatchClusterEventsRequest{Id: id, Attempt: 7}))
	if err != nil {
		t.Fatal(err)
	}
	bad.Receive()
	wantCode(t, "no such attempt", bad.Err(), connect.CodeNotFound)
}

func TestTailLogsOfTrace(t *testing.T) {
	f := newFixture(t)
	root := f.start()
	f.launcher.find(t, at(root, 1))
	tr := f.enqueueTrace(root, "tr")
	lines, done := f.tail(tr, 1)
	wantLine(t, lines, "what runs inside another action prints into that action's log: a0\n")
	wantEnd(t, lines, done)
}

// A stream that has nothing to say for long says so, and one message at a time.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []int
		send, quiet := keepAlive(func(lines []*dataplane.LogLine) error { sent = append(sent, len(lines)); return nil })
		time.Sleep(heartbeat / 2)
		_ = send(make([]*dataplane.LogLine, 3))
		time.Sleep(heartbeat - time.Second)
		_ = send(make([]*dataplane.LogLine, 2))
		time.Sleep(2*heartbeat + time.Second)
		quiet()
		time.Sleep(5 * heartbeat)
		if want := []int{3, 2, 0, 0}; !slices.Equal(sent, want) {
			t.Errorf("sent %v, want %v", sent, want)
		}
	})
}
