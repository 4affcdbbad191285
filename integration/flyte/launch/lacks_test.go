// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"strings"
	"testing"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// What an image, its registry or the way out of it is to blame for
// (flyte-protocol §5.3).
func TestConcludeImages(t *testing.T) {
	start := func(reason sandbox.StartReason, message string) sandbox.Outcome {
		return sandbox.Outcome{StartError: &sandbox.StartError{Reason: reason, Message: message}}
	}
	tail := func(code int, text string) sandbox.Outcome {
		return ended(code, "", func(o *sandbox.Outcome) { o.Tail = text })
	}
	noModule := document(core.ContainerError_RECOVERABLE, unknown, "ModuleNotFoundError")
	noModule.failure.Message = "No module named 'numpy'"
	noTar := document(core.ContainerError_RECOVERABLE, unknown, "FileNotFoundError")
	noTar.failure.Message = "[Errno 2] No such file or directory: 'tar'"
	const refusedByNobody = "Generic S3 error: Error performing HEAD http://x.drydock.internal:8090/drydock/i in 2s - HTTP error: error sending request"
	for _, tc := range []struct {
		name   string
		facts  sandbox.Outcome
		left   left
		change func(*evidence)
		kind   core.ExecutionError_ErrorKind
		code   string
		retry  engine.Retryable
		words  []string
		not    string
	}{
		{name: "a name that is none", facts: start(sandbox.StartImageName, "repository name must be lowercase"), kind: user, code: "ContainersNotReady|InvalidImageName", retry: engine.RetryNever, words: []string{"must be lowercase"}},
		{name: "not to be had", facts: start(sandbox.StartImagePull, "manifest unknown"), kind: user, code: "ContainersNotReady|ImagePullBackOff", retry: engine.RetryUser, words: []string{"manifest unknown", "docker images", "--native"}},
		{name: "the registry is tired", facts: start(sandbox.StartImagePull, "toomanyrequests: You have reached your pull rate limit"), kind: system, code: "ContainersNotReady|ImagePullBackOff", retry: engine.RetrySystem},
		{name: "no a0", facts: start(sandbox.StartNotFound, `exec: "a0": executable file not found in $PATH`), kind: user, code: "StartError", retry: engine.RetryNever,
			words: []string{"the image img:1 has no program a0", "pip install flyte==2.12.1", "from_debian_base"}, not: "install flyte again"},
		{name: "no a0, by a shell", facts: tail(127, "sh: a0: not found"), kind: user, code: "Error", retry: engine.RetryUser, words: []string{"img:1 has installed", "pip install flyte==2.12.1", "sh: a0: not found"}},
		{name: "no program of a raw container's", facts: start(sandbox.StartNotFound, "not found"), change: func(e *evidence) { e.program = false }, kind: user, code: "StartError", retry: engine.RetryNever,
			words: []string{"look at what the image img:1 has on its PATH"}, not: "flyte"},
		{name: "not executable", facts: start(sandbox.StartNotExecutable, "permission denied"), kind: user, code: "StartError", retry: engine.RetryNever, words: []string{"look whether it is executable there", "permission denied"}, not: "processor"},
		{name: "another processor, not executable", facts: start(sandbox.StartNotExecutable, "exec format error"), kind: user, code: "StartError", retry: engine.RetryNever, words: []string{"docker build --platform linux/"}},
		{name: "another processor, at the start", facts: start(sandbox.StartRuntime, "exec /usr/bin/a0: exec format error"), kind: user, code: "StartError", retry: engine.RetryNever, words: []string{"is for another processor", "docker build --platform linux/"}},
		{name: "another processor, later", facts: ended(255, "", func(o *sandbox.Outcome) {
			o.Tail, o.Image = "exec /usr/bin/a0: exec format error", &sandbox.Image{ID: "sha256:1", Platform: "linux/s390x"}
		}),
			kind: user, code: "Error", retry: engine.RetryUser, words: []string{"is for linux/s390x"}},
		{name: "no tar", facts: ended(1, "", nil), left: noTar, kind: unknown, code: "FileNotFoundError", retry: engine.RetryUser, words: []string{"The image img:1 has no program tar", "apt-get install -y tar"}},
		{name: "no module", facts: ended(1, "", nil), left: noModule, kind: unknown, code: "ModuleNotFoundError", retry: engine.RetryUser, words: []string{"The image img:1 does not have it", "numpy", "with_pip_packages"}, not: "this machine's own Python"},
		{name: "nobody there", facts: tail(1, refusedByNobody), kind: user, code: "Error", retry: engine.RetryUser, words: []string{"nothing has reached drydock's endpoint", "r1.inside:8090", "firewall", "--network host"}},
		{name: "its name is not told", facts: tail(1, "cannot connect to abc.drydock.internal"), change: func(e *evidence) { e.name = "abc.drydock.internal" }, kind: user, code: "Error", retry: engine.RetryUser, words: []string{"cannot connect to drydock"}, not: "abc"},
		{name: "nobody there any more", facts: tail(1, refusedByNobody), change: func(e *evidence) { e.reached = true }, kind: user, code: "Error", retry: engine.RetryUser, not: "firewall"},
		{name: "failed otherwise", facts: tail(1, "Traceback"), kind: user, code: "Error", retry: engine.RetryUser, not: "firewall"},
		{name: "OOM", facts: ended(137, "SIGKILL", killed(true)), kind: user, code: "OOMKilled", retry: engine.RetryUser, words: []string{"out of memory: python3", "try .override("}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := judged(t, tc.facts, tc.left)
			e.image, e.endpoint = "img:1", "r1.inside:8090"
			e.order.Action.Task.GetSpec().GetTaskTemplate().Metadata = &core.TaskMetadata{Runtime: &core.RuntimeMetadata{Version: "2.12.1"}}
			if tc.change != nil {
				tc.change(&e)
			}
			end := conclude(e)
			if end.Phase != failing || end.Retry != tc.retry || end.Error.GetKind() != tc.kind || end.Error.GetCode() != tc.code {
				t.Errorf("got %s, retry %d, %s %s; want retry %d, %s %s", end.Phase, end.Retry, end.Error.GetKind(), end.Error.GetCode(), tc.retry, tc.kind, tc.code)
			}
			for _, w := range tc.words {
				if !strings.Contains(end.Error.GetMessage(), w) {
					t.Errorf("the message does not say %q:\n%s", w, end.Error.GetMessage())
				}
			}
			if tc.not != "" && strings.Contains(end.Error.GetMessage(), tc.not) {
				t.Errorf("the message says %q:\n%s", tc.not, end.Error.GetMessage())
			}
		})
	}
}

// Which image exactly a name meant is noted.
func TestUsedImageIsNoted(t *testing.T) {
	e := judged(t, ended(0, "", func(o *sandbox.Outcome) {
		o.Image = &sandbox.Image{Reference: "img:1", ID: "sha256:0123", Digest: "img@sha256:4567"}
	}), left{outputs: true})
	if end := conclude(e); len(end.Notes) != 1 || end.Notes[0] != "it ran in image sha256:0123, img@sha256:4567" {
		t.Errorf("notes %q", end.Notes)
	}
}

// An engine that has gone is no fault of the task's, and may be back.
func TestEngineGone(t *testing.T) {
	err := &executor.RefusedError{Reason: "no container engine answers", Remedy: "start it", Err: &sandbox.UnsupportedError{What: "no container engine answers", Remedy: "start it"}}
	e := evidence{err: err, image: "img:1", result: &executor.Result{Verdict: executor.Verdict{Class: executor.Refused, Kind: executor.KindUser, Message: err.Error()}}}
	if end := conclude(e); end.Retry != engine.RetrySystem || end.Error.GetKind() != system || end.Error.GetCode() != codeEngine || !strings.Contains(end.Error.GetMessage(), "start it") {
		t.Errorf("got %+v", end)
	}
}
