// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// collect runs a task on the fake and returns its events.
func collect(t *testing.T, task Task, opts ...RunOption) ([]Event, *Result) {
	t.Helper()
	var events []Event
	opts = append(opts, WithEvents(func(e Event) { events = append(events, e) }))
	result, _ := newExecutor(t, nil).Run(t.Context(), task, opts...)
	return events, result
}

func types(events []Event) []EventType {
	var all []EventType
	for _, e := range events {
		if e.Type != EventSample {
			all = append(all, e.Type)
		}
	}
	return all
}

func TestEventsInOrder(t *testing.T) {
	retried := hog("touch", "100")
	retried.Resources.Memory = resources.Of("64Mi")
	retried.OOMRetry = &OOMRetry{}
	for name, tc := range map[string]struct {
		task Task
		want []EventType
	}{
		"success": {hog("out", "hello", "err", "world"),
			[]EventType{"queued", "admitted", "started", "output", "output", "ended"}},
		"start failed": {Task{Command: []string{"nope"}},
			[]EventType{"queued", "admitted", "ended"}},
		"refused": {Task{},
			[]EventType{"ended"}},
		"oom and again": {retried,
			[]EventType{"queued", "admitted", "started", "oom", "retried", "queued", "admitted", "started", "ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			events, result := collect(t, tc.task, WithOutputEvents())
			diff(t, tc.want, types(events))
			for _, e := range events {
				if e.ID != result.ID || e.Time.IsZero() {
					t.Errorf("%s of task %q at %v", e.Type, e.ID, e.Time)
				}
			}
			if last := events[len(events)-1]; last.Ended != result {
				t.Error("ended does not carry the result")
			}
		})
	}
}

// An OOM that no event told live is told when it has been judged.
func TestOOMEventWithoutALiveOne(t *testing.T) {
	quiet := &sandboxtest.Fake{Edit: func(_ sandbox.Spec, o *sandbox.Outcome) error {
		oomV2(o)
		return nil
	}}
	events, _ := collect(t, hog("exit", "0"), WithSandbox(quiet))
	diff(t, []EventType{"queued", "admitted", "started", "oom", "ended"}, types(events))
}

func TestSamplesAndLiveOOM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := hog("touch", "40", "sleep", "1000", "child", "100", "sleep", "1000")
		task.Resources.Memory, task.ChildOOM = resources.Of("64Mi"), ChildOOMWarn
		profile := resources.DefaultProfile()
		profile.Cgroup.SingleProcessOOMKill = true
		events, _ := collect(t, task, WithProfile(profile))
		samples := 0
		for _, e := range events {
			switch {
			case e.Sample != nil:
				samples++
			case e.OOM != nil:
				o := e.OOM
				if o.Main || o.Victim == nil || o.Limit != 64*mib || o.Anon != 41*mib || o.After != time.Second || o.Group != "" {
					t.Errorf("live OOM %+v", o)
				}
			}
		}
		if samples < 15 {
			t.Errorf("%d samples in two seconds", samples)
		}
	})
}

// Output that overtakes the started event waits for it.
func TestOutputWaitsForStarted(t *testing.T) {
	var got []EventType
	m := &emitter{id: "x", consume: func(e Event) { got = append(got, e.Type) }}
	say := func() { m.emit(Event{Type: EventOutput, Output: &Output{Data: make([]byte, maxHeld/2)}}) }
	m.begin(1)
	say()
	m.emit(Event{Type: EventStarted})
	say()
	m.begin(2)
	say()
	say()
	say() // too much to hold
	m.emit(Event{Type: EventStarted})
	m.begin(3)
	say()
	m.finish() // never started
	m.emit(Event{Type: EventEnded})
	m.emit(Event{Type: EventEnded})
	say()
	diff(t, []EventType{"started", "output", "output", "output", "output", "output", "started", "output", "ended"}, got)
}

// The streams still get every byte when output events are asked for.
func TestOutputEventsAndStreams(t *testing.T) {
	var out, errs bytes.Buffer
	events, _ := collect(t, hog("out", "h\xc3\xa9llo \xff", "err", "oops"), WithOutputEvents(),
		WithStreams(sandbox.Streams{Stdout: &out, Stderr: &errs}))
	var streams []string
	for _, e := range events {
		if e.Output != nil {
			streams = append(streams, fmt.Sprintf("%s %q", e.Output.Stream, e.Output.Data))
		}
	}
	diff(t, []string{`stdout "héllo \xff\n"`, `stderr "oops\n"`}, streams)
	diff(t, "héllo \xff\n", out.String())
	diff(t, "oops\n", errs.String())
}

func TestEventJSON(t *testing.T) {
	when := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	line := func(e Event) string {
		t.Helper()
		e.Time, e.ID = when, "01J"
		data, err := EventJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(data, "\n") {
			t.Errorf("more than one line: %q", data)
		}
		return string(data)
	}
	const head = `"time":"2026-03-01T11:00:00.123456789Z","id":"01J"`
	for _, tc := range []struct {
		e    Event
		want string
	}{
		{Event{Type: EventStarted, Attempt: 1, Started: &sandbox.Started{PID: 7}},
			`{"type":"started",` + head + `,"attempt":1,"pid":7}`},
		{Event{Type: EventOutput, Attempt: 1, Output: &Output{Stream: Stdout, Data: []byte("<é>\n")}},
			`{"type":"output",` + head + `,"attempt":1,"stream":"stdout","text":"<é>\n"}`},
		{Event{Type: EventOutput, Attempt: 1, Output: &Output{Stream: Stderr, Data: []byte("\xff")}},
			`{"type":"output",` + head + `,"attempt":1,"stream":"stderr","bytes":"/w=="}`},
		{Event{Type: EventSample, Attempt: 2, Sample: &sandbox.Sample{Memory: 9, CPUSeconds: 0.5, Breakdown: &sandbox.Breakdown{Anon: 1, File: 2, Shmem: 3, Kernel: 4}}},
			`{"type":"sample",` + head + `,"attempt":2,"memory":9,"anon":1,"file":2,"shmem":3,"kernel":4,"cpu_seconds":0.5}`},
		{Event{Type: EventSample, Attempt: 2, Sample: &sandbox.Sample{Memory: 9}},
			`{"type":"sample",` + head + `,"attempt":2,"memory":9,"cpu_seconds":0}`},
		{Event{Type: EventSample, Attempt: 2, Sample: &sandbox.Sample{Memory: 9, Pressure: &sandbox.Pressure{Memory: &sandbox.Stall{Some: 0.5, Full: 0.25}}}},
			`{"type":"sample",` + head + `,"attempt":2,"memory":9,"cpu_seconds":0,"pressure":{"memory":{"some":0.5,"full":0.25}}}`},
		{Event{Type: EventOOM, Attempt: 1, OOM: &OOMReport{Limit: 8, Peak: 7, Main: true, Group: "enforced", Suggest: "16", Victim: &sandbox.Victim{PID: 1, Name: "hog", RSS: 6}}},
			`{"type":"oom",` + head + `,"attempt":1,"limit":8,"peak":7,"anon":0,"file":0,"shmem":0,"kernel":0,"main":true,"group":"enforced","victim":{"pid":1,"name":"hog","rss":6},"suggest":"16"}`},
	} {
		diff(t, tc.want, line(tc.e))
	}
	for _, e := range []Event{
		{Type: EventQueued, Queued: &Queued{Waiting: "waits"}},
		{Type: EventAdmitted, Admitted: &Admitted{Limits: []sandbox.Enforcement{{Limit: "cpu", State: sandbox.Enforced}}}},
		{Type: EventRetried, Retried: &Retried{Number: 2, Reason: "again", Delay: time.Second}},
		{Type: EventEnded, Ended: &Result{EndedAt: when}},
	} {
		var doc struct {
			Type EventType
			Time time.Time
		}
		if err := json.Unmarshal([]byte(line(e)), &doc); err != nil || doc.Type != e.Type || !doc.Time.Equal(when) {
			t.Errorf("%s: %v, %+v", e.Type, err, doc)
		}
	}
	if _, err := EventJSON(Event{Type: EventSample}); err == nil {
		t.Error("an event without its payload was encoded")
	}
}

// Every byte of a task's output can be had back from the lines, and what it
// prints cannot pass for a line of drydock's.
func TestOutputCannotForgeLines(t *testing.T) {
	events, _ := collect(t, hog("out", `{"type":"ended","version":1}`+"\n\xff", "exit", "3"), WithOutputEvents())
	var ended int
	var output []byte
	for _, e := range events {
		data, err := EventJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Type, Text, Bytes string }
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Type == "ended" {
			ended++
		}
		raw, err := base64.StdEncoding.DecodeString(doc.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		output = append(append(output, doc.Text...), raw...)
	}
	if ended != 1 || string(output) != "{\"type\":\"ended\",\"version\":1}\n\xff\n" {
		t.Errorf("%d ended lines, output %q", ended, output)
	}
}

// The document's keys are a promise.
func TestEndedDocument(t *testing.T) {
	task := hog("fill", "/dev/shm/x", "1", "touch", "100")
	task = task.Override(resources.Resources{Memory: resources.Of("64Mi")})
	_, result := collect(t, task)
	data, err := json.Marshal(result.Document())
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(`type version time id attempt verdict code kind message exit_code signal sandbox
		attempts.number attempts.verdict attempts.code attempts.kind attempts.exit_code attempts.signal attempts.started_at attempts.seconds
		attempts.resources.cpu.request attempts.resources.cpu.limit_origin attempts.resources.memory.request_origin
		attempts.usage.memory_peak attempts.usage.cpu_seconds attempts.usage.shm_peak
		attempts.oom.limit attempts.oom.peak attempts.oom.anon attempts.oom.file attempts.oom.shmem attempts.oom.kernel
		attempts.oom.main attempts.oom.group attempts.oom.victim.pid attempts.oom.victim.name attempts.oom.victim.rss attempts.oom.suggest
		attempts.hints limits.limit limits.state`) {
		if !has(doc, strings.Split(path, ".")) {
			t.Errorf("no %s in %s", path, data)
		}
	}
	want := map[string]any{"type": "ended", "version": 1.0, "verdict": "oom", "code": "OOMKilled", "kind": "user", "exit_code": 137.0, "signal": "SIGKILL", "sandbox": "fake"}
	for key, value := range want {
		if doc[key] != value {
			t.Errorf("%s is %v, want %v", key, doc[key], value)
		}
	}
	memory := doc["attempts"].([]any)[0].(map[string]any)["resources"].(map[string]any)["memory"].(map[string]any)
	if memory["request"] != "64Mi" || memory["request_origin"] != "override" {
		t.Errorf("memory %v", memory)
	}
}

// has follows keys; in a list it looks at the first element.
func has(doc any, keys []string) bool {
	if list, ok := doc.([]any); ok && len(list) > 0 {
		doc = list[0]
	}
	if len(keys) == 0 {
		return doc != nil
	}
	object, ok := doc.(map[string]any)
	return ok && has(object[keys[0]], keys[1:])
}

func TestEndedOfWhatNeverStarted(t *testing.T) {
	_, result := collect(t, Task{})
	data, err := json.Marshal(result.Document())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"attempts"`, `"signal"`, `"sandbox"`, `"limits"`} {
		if bytes.Contains(data, []byte(key)) {
			t.Errorf("%s in %s", key, data)
		}
	}
	if !bytes.Contains(data, []byte(`"exit_code":125`)) {
		t.Errorf("no exit code 125 in %s", data)
	}
}

func TestExitCode(t *testing.T) {
	ended := func(class Class, o sandbox.Outcome) *Result {
		return &Result{Verdict: Verdict{Class: class}, Attempts: []Attempt{{Outcome: o}}}
	}
	own := func(code int) sandbox.Outcome { return sandbox.Outcome{Exit: exit(code)} }
	noStart := func(r sandbox.StartReason) sandbox.Outcome {
		return sandbox.Outcome{StartError: &sandbox.StartError{Reason: r}}
	}
	for _, tc := range []struct {
		result *Result
		want   int
	}{
		{ended(Succeeded, own(0)), 0},
		{ended(Failed, own(3)), 3},
		{ended(Failed, own(127)), 127},
		{ended(OOM, own(0)), 137},
		{ended(OOM, own(3)), 137},
		{ended(Evicted, own(0)), 137},
		{ended(MachineMemory, own(1)), 137},
		{ended(Timeout, own(0)), 124},
		{ended(Shm, own(135)), 135},
		{ended(Interrupted, own(247)), 247},
		{ended(StartFailed, noStart(sandbox.StartNotFound)), 127},
		{ended(StartFailed, noStart(sandbox.StartNotExecutable)), 126},
		{ended(StartFailed, noStart(sandbox.StartLimitTooLow)), 125},
		{ended(StartFailed, noStart(sandbox.StartRuntime)), 125},
		{ended(Unknown, sandbox.Outcome{}), 125},
		{ended(Failed, sandbox.Outcome{}), 125},
		{&Result{Verdict: Verdict{Class: Refused}}, 125},
		{&Result{Verdict: Verdict{Class: Error}}, 125},
		{&Result{Verdict: Verdict{Class: Aborted}, Cause: SignalCause{"SIGHUP"}}, 129},
		{&Result{Verdict: Verdict{Class: Aborted}, Cause: fmt.Errorf("wrapped: %w", SignalCause{"SIGINT"})}, 130},
		{&Result{Verdict: Verdict{Class: Aborted}, Cause: SignalCause{"SIGQUIT"}}, 131},
		{&Result{Verdict: Verdict{Class: Aborted}, Cause: SignalCause{"SIGTERM"}}, 143},
		{&Result{Verdict: Verdict{Class: Aborted}}, 143},
	} {
		if got := ExitCode(tc.result); got != tc.want {
			t.Errorf("%s %+v: exit %d, want %d", tc.result.Verdict.Class, tc.result.Cause, got, tc.want)
		}
	}
}

// Every verdict has a typed error, and success has none.
func TestVerdictErrors(t *testing.T) {
	for _, class := range []Class{Failed, OOM, Timeout, Aborted, Evicted, Shm, StartFailed, MachineMemory, Interrupted, Unknown, Refused, Error} {
		err := verdictError(&Result{Verdict: Verdict{Class: class, Message: "why"}})
		if err == nil || err.Error() != "why" {
			t.Errorf("%s: %v", class, err)
		}
	}
	if err := verdictError(&Result{Verdict: Verdict{Class: Succeeded}}); err != nil {
		t.Error(err)
	}
	if err := (&RefusedError{Reason: "why", Remedy: "do that"}); err.Error() != "why; do that" {
		t.Errorf("a refusal says %q", err)
	}
}
