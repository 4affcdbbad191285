// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

// puller is a fake with images: Prepare tells of its progress and pins the
// image, or fails.
type puller struct {
	sandboxtest.Fake
	steps []sandbox.Progress
	err   error
	hang  bool // until ctx ends

	asked, started []sandbox.Spec
}

func (p *puller) Prepare(ctx context.Context, spec sandbox.Spec, progress func(sandbox.Progress)) (sandbox.Spec, error) {
	p.asked = append(p.asked, spec)
	for _, step := range p.steps {
		progress(step)
	}
	if p.hang {
		<-ctx.Done()
		return spec, ctx.Err()
	}
	if p.err != nil {
		return spec, p.err
	}
	spec.Image, spec.Pull = "sha256:0123", sandbox.PullNever
	return spec, nil
}

func (p *puller) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	p.started = append(p.started, spec)
	return p.Fake.Start(ctx, spec, streams)
}

// newImageExecutor has the puller for tasks with an image and nothing for
// those without.
func newImageExecutor(t testing.TB, p *puller) *Executor {
	return newExecutor(t, func(c *Config) {
		c.Sandbox, c.Images = nil, func(context.Context) (sandbox.Sandbox, error) { return p, nil }
	})
}

// imaged is a hog task with an image.
func imaged(words ...string) Task {
	task := hog(words...)
	task.Image = "python:3.12"
	task.Resources = resources.Resources{Memory: resources.Of("64Mi")}
	return task
}

func TestImageIsPulledBetweenAdmissionAndStart(t *testing.T) {
	p := &puller{steps: []sandbox.Progress{{What: "python:3.12", Done: 1, Total: 4}, {What: "python:3.12", Done: 4, Total: 4}}}
	task := imaged("exit", "0")
	task.Env, task.Pull, task.Platform = map[string]string{"A": "1"}, sandbox.PullAlways, "linux/arm64"
	var told []string
	var lines strings.Builder
	result, err := newImageExecutor(t, p).Run(t.Context(), task, WithEvents(func(e Event) {
		told = append(told, string(e.Type))
		if e.Type == EventPull {
			line, err := EventJSON(e)
			if err != nil {
				t.Error(err)
			}
			lines.Write(line)
			lines.WriteByte('\n')
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []string{"queued", "admitted", "pull", "pull", "pull", "started", "ended"}, told)
	if !strings.Contains(lines.String(), `"attempt":1,"image":"python:3.12","done":4,"total":4,"finished":true}`) {
		t.Errorf("no last line says that the image is here:\n%s", lines.String())
	}
	asked, started := p.asked[0], p.started[0]
	if asked.Image != "python:3.12" || asked.Pull != sandbox.PullAlways || asked.Platform != "linux/arm64" {
		t.Errorf("asked for %+v", asked)
	}
	diff(t, []string{"A=1"}, asked.Env) // the image's environment is the engine's business, the caller's nobody's
	if started.Image != "sha256:0123" || started.WorkDir != "" || started.Network != sandbox.NetworkBridge {
		t.Errorf("started %+v", started)
	}
	diff(t, []string{"host.docker.internal:host-gateway"}, started.Hosts)
	if result.Task.Image != "python:3.12" {
		t.Errorf("the result's task has image %q", result.Task.Image)
	}
}

// Every attempt runs in the image that the first one got.
func TestImageIsPinnedForRetries(t *testing.T) {
	p := &puller{}
	task := imaged("exit", "1")
	task.Retries.Count = 1
	result, _ := newImageExecutor(t, p).Run(t.Context(), task)
	if len(result.Attempts) != 2 {
		t.Fatalf("%d attempts", len(result.Attempts))
	}
	for i, spec := range p.started {
		if spec.Image != "sha256:0123" || spec.Attempt != i+1 {
			t.Errorf("attempt %d ran %q", spec.Attempt, spec.Image)
		}
	}
	if again := p.asked[1]; again.Image != "sha256:0123" || again.Pull != sandbox.PullNever {
		t.Errorf("the second attempt asked for %q, pull %q", again.Image, again.Pull)
	}
}

func TestImageNotToBeHad(t *testing.T) {
	gone := &sandbox.ImageError{Image: "python:3.12", Reason: sandbox.StartImagePull, Message: "manifest unknown: no tag 3.12", Remedy: "check the tag"}
	for _, tc := range []struct {
		name string
		box  *puller
		code string
	}{
		{"nowhere", &puller{err: gone}, CodeImagePullBackOff},
		{"no name", &puller{err: &sandbox.ImageError{Image: "A:B", Reason: sandbox.StartImageName, Message: "must be lower case"}}, CodeInvalidImageName},
		{"gone before the start", &puller{Fake: sandboxtest.Fake{StartErr: func(sandbox.Spec) error { return gone }}}, CodeImagePullBackOff},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newImageExecutor(t, tc.box)
			task := imaged()
			task.Retries.Count = 3 // a start that failed fails again
			result, err := x.Run(t.Context(), task)
			failed, ok := errors.AsType[*StartError](err)
			if !ok || failed.Verdict.Code != tc.code || failed.Verdict.Kind != KindUser || ExitCode(result) != 125 {
				t.Fatalf("%T %v, exit %d; want a StartError of code %s", err, err, ExitCode(result), tc.code)
			}
			if failed.Reason == "" || len(result.Attempts) != 1 {
				t.Errorf("reason %q, %d attempts", failed.Reason, len(result.Attempts))
			}
			adopted, err := x.Adopt(t.Context(), result.ID)
			if again, ok := errors.AsType[*StartError](err); !ok || again.Error() != failed.Error() {
				t.Errorf("adopted: %T %v", err, err)
			}
			diff(t, result.Document().Attempts[0].Image, adopted.Document().Attempts[0].Image)
			recorded, err := ReadRecorded(x.StateDir(), result.ID)
			if err != nil || len(recorded.Problems) > 0 || !recorded.Attempts[0].HasOutcome {
				t.Errorf("recorded %+v, %v", recorded, err)
			}
		})
	}
}

func TestNobodyToAskForAnImage(t *testing.T) {
	p := &puller{err: &sandbox.UnsupportedError{What: "no container engine answers", Remedy: "start one"}}
	result, err := newImageExecutor(t, p).Run(t.Context(), imaged())
	if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), "no container engine answers; start one") {
		t.Errorf("%T %v", err, err)
	}
	if len(result.Attempts) != 0 || len(p.started) != 0 {
		t.Errorf("%d attempts, %d starts", len(result.Attempts), len(p.started))
	}
}

func TestAbortWhileAnImageComes(t *testing.T) {
	p := &puller{hang: true, steps: []sandbox.Progress{{What: "python:3.12"}}}
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := newImageExecutor(t, p).Run(ctx, imaged(), WithEvents(func(e Event) {
		if e.Type == EventPull {
			cancel(SignalCause{"SIGINT"})
		}
	}))
	var aborted *AbortedError
	if !errors.As(err, &aborted) || !errors.Is(err, SignalCause{"SIGINT"}) {
		t.Errorf("%T %v, want an abort by SIGINT", err, err)
	}
}

// What image and engine an attempt had is in its ended document.
func TestImageInDocument(t *testing.T) {
	p := &puller{Fake: sandboxtest.Fake{Edit: func(_ sandbox.Spec, o *sandbox.Outcome) error {
		o.Engine, o.Image = "Docker Engine 28.5.2", &sandbox.Image{Reference: "python:3.12", ID: "sha256:0123", Digest: "python@sha256:89ab"}
		o.Counters = &sandbox.Counters{Evidence: sandbox.EvidenceEngine, OOMKill: 1}
		return nil
	}}}
	result, err := newImageExecutor(t, p).Run(t.Context(), imaged("touch", "100"))
	var oom *OOMError
	if !errors.As(err, &oom) || oom.Report.Evidence != sandbox.EvidenceEngine {
		t.Fatalf("%T %v", err, err)
	}
	text, err := json.Marshal(result.Document())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"engine":"Docker Engine 28.5.2"`, `"evidence":"engine"`,
		`"image":{"reference":"python:3.12","id":"sha256:0123","digest":"python@sha256:89ab"}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document lacks %s:\n%s", want, text)
		}
	}
}

// The image decides on the sandbox, also for whoever adopts the task.
func TestSandboxOfTheImage(t *testing.T) {
	p, plain := &puller{}, &sandboxtest.Fake{}
	x := newExecutor(t, func(c *Config) {
		c.Sandbox, c.Images = plain, func(context.Context) (sandbox.Sandbox, error) { return p, nil }
	})
	if _, err := x.Run(t.Context(), hog("exit", "0")); err != nil || len(p.started) != 0 {
		t.Errorf("without an image: %v, %d starts with images", err, len(p.started))
	}
	environment := &Environment{Image: "python:3.12"}
	task := hog("exit", "0")
	task.Environment = environment
	if _, err := x.Run(t.Context(), task); err != nil || len(p.started) != 1 {
		t.Errorf("the environment's image: %v, %d starts with images", err, len(p.started))
	}
}

func TestAdoptPicksTheSandbox(t *testing.T) {
	p := &puller{}
	var asked int
	x := newExecutor(t, func(c *Config) {
		c.Sandbox, c.Images = nil, func(context.Context) (sandbox.Sandbox, error) { asked++; return p, nil }
	})
	result, err := x.Run(t.Context(), imaged("exit", "0"))
	if err != nil {
		t.Fatal(err)
	}
	// As after a crash: the attempt's facts are there, the task's end is not.
	removeEnd(t, x, result.ID)
	asked = 0
	if _, err := x.Adopt(t.Context(), result.ID); err != nil || asked != 1 {
		t.Errorf("adopted: %v; the sandbox with images was asked for %d times", err, asked)
	}
}

// An engine that is down hides what still runs in it, and nothing that ended.
func TestAdoptWithoutTheEngine(t *testing.T) {
	down := &sandbox.UnsupportedError{What: "no container engine answers", Remedy: "start one"}
	up := true
	x := newExecutor(t, func(c *Config) {
		c.Sandbox, c.Images = nil, func(context.Context) (sandbox.Sandbox, error) {
			if !up {
				return nil, down
			}
			return &puller{}, nil
		}
	})
	result, _ := x.Run(t.Context(), imaged("exit", "3"))
	removeEnd(t, x, result.ID)
	up = false
	if adopted, err := x.Adopt(t.Context(), result.ID); adopted.Verdict.Class != Failed {
		t.Errorf("what had ended: %s, %v", adopted.Verdict.Class, err)
	}
	removeEnd(t, x, result.ID)
	if err := os.Remove(filepath.Join(x.state.Attempt(result.ID, 1), state.OutcomeFile)); err != nil {
		t.Fatal(err)
	}
	_, err := x.Adopt(t.Context(), result.ID)
	if _, ok := errors.AsType[*RefusedError](err); !ok || !errors.Is(err, down) {
		t.Errorf("what may run: %T %v", err, err)
	}
	if _, err := os.Stat(filepath.Join(x.state.Task(result.ID), state.EndedFile)); err == nil {
		t.Error("that it cannot be looked at now was recorded as its end")
	}
}

func removeEnd(t *testing.T, x *Executor, id string) {
	t.Helper()
	for _, file := range []string{
		filepath.Join(x.state.Task(id), state.EndedFile), filepath.Join(x.state.Attempt(id, 1), state.VerdictFile),
	} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// What needs an image, or goes together with none, is refused by name.
func TestImageRefusals(t *testing.T) {
	with := func(change func(*Task)) Task { task := hog(); change(&task); return task }
	for _, tc := range []struct {
		name string
		task Task
		says string
	}{
		{"entrypoint", with(func(t *Task) { t.Entrypoint = []string{"sh"} }), "an entrypoint is an image's"},
		{"pull", with(func(t *Task) { t.Pull = sandbox.PullAlways }), "no image to pull"},
		{"platform", with(func(t *Task) { t.Platform = "linux/arm64" }), "linux/arm64 is an image's"},
		{"hosts", with(func(t *Task) { t.Hosts = []string{"a:1.2.3.4"} }), "/etc/hosts"},
		{"bridge", with(func(t *Task) { t.Network = sandbox.NetworkBridge }), "there is no image"},
		{"relative working directory", with(func(t *Task) { t.Image, t.WorkDir = "a", "sub" }), "is relative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newExecutor(t, func(c *Config) {
				c.Images = func(context.Context) (sandbox.Sandbox, error) {
					t.Error("the sandbox was asked")
					return nil, errors.New("no")
				}
			})
			_, err := x.Run(t.Context(), tc.task)
			if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%T %v, want a refusal that says %q", err, err, tc.says)
			}
		})
	}
	if _, err := newExecutor(t, nil).Run(t.Context(), imaged()); err == nil || !strings.Contains(err.Error(), "no sandbox for tasks with an image") {
		t.Errorf("an executor without images: %v", err)
	}
	if _, err := newImageExecutor(t, &puller{}).Run(t.Context(), hog()); err == nil || !strings.Contains(err.Error(), "no sandbox for tasks without an image") {
		t.Errorf("an executor without the host's: %v", err)
	}
}

// A command is the image's own where there is none.
func TestImageWithoutCommand(t *testing.T) {
	p := &puller{Fake: sandboxtest.Fake{StartErr: func(sandbox.Spec) error { return errors.New("far enough") }}}
	task := imaged()
	task.Command = nil
	_, _ = newImageExecutor(t, p).Run(t.Context(), task)
	if len(p.started) != 1 || len(p.started[0].Args) != 0 {
		t.Errorf("started %+v", p.started)
	}
	hosts := Task{Image: "a", Hosts: []string{"host.docker.internal:10.0.0.1"}}
	diff(t, hosts.Hosts, hosts.hosts())
	none := Task{Image: "a", Network: sandbox.NetworkNone}
	diff(t, []string(nil), none.hosts())
}
