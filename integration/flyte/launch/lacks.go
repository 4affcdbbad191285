// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/sandbox"
)

// noImage is the end of an attempt whose image was not to be had (the backend's
// pod_helper.go: a bad name is permanent, a pull may be tried again, and a
// registry that was asked too often is no fault of the task's).
func (e evidence) noImage() (engine.End, bool) {
	last := e.last()
	if last == nil || last.Outcome.StartError == nil {
		return engine.End{}, false
	}
	s := last.Outcome.StartError
	switch {
	case s.Reason == sandbox.StartImageName:
		return e.user(codeImageName, e.sentence(), engine.RetryNever), true
	case s.Reason == sandbox.StartImagePull && tooOften.MatchString(s.Message):
		return e.system(codeImagePull, e.sentence(), engine.RetrySystem), true
	case s.Reason == sandbox.StartImagePull:
		return e.user(codeImagePull, e.sentence()+"; docker images names those that the engine has, and drydock up --native runs tasks without any", engine.RetryUser), true
	}
	return engine.End{}, false
}

// tooOften is how registries say that they were asked too often.
var tooOften = regexp.MustCompile(`(?i)toomanyrequests|too many requests|\b429\b`)

// imageHas ends a sentence about what an image has installed.
func (e evidence) imageHas() string {
	if e.image == "" {
		return "would have had installed"
	}
	text := e.image + " has installed"
	if e.program {
		text += "; " + e.addSDK()
	}
	return text
}

// lacks says what is wrong with an image in which the program is not found or
// cannot be run, and what to do.
func (e evidence) lacks(s *sandbox.StartError) string {
	switch {
	case wrongProcessor(s.Message):
		return "the program of the task cannot be run" + e.otherProcessor()
	case s.Reason == sandbox.StartNotExecutable:
		return fmt.Sprintf("the program of the task cannot be run in the image %s; look whether it is executable there, for the image's user, and begins with #! if it is a script", e.image)
	case e.program:
		return fmt.Sprintf("the image %s has no program a0 on its PATH: %s", e.image, e.addSDK())
	}
	return fmt.Sprintf("the program of the task is not found; look at what the image %s has on its PATH", e.image)
}

// addSDK is how an image gets what Python tasks begin with.
func (e evidence) addSDK() string {
	pkg := "flyte"
	if v := e.order.Action.Task.GetSpec().GetTaskTemplate().GetMetadata().GetRuntime().GetVersion(); v != "" {
		pkg += "==" + v
	}
	return fmt.Sprintf("it needs the Flyte SDK (RUN pip install %s in its Dockerfile), or use flyte.Image.from_debian_base()", pkg)
}

// wrongProcessor reports whether a text says that a program is for another
// processor (the kernel's ENOEXEC in the words of runc, sh and execve).
func wrongProcessor(text string) bool {
	return strings.Contains(strings.ToLower(text), "exec format error")
}

// otherProcessor is what to do about that.
func (e evidence) otherProcessor() string {
	made := "another processor"
	if last := e.last(); last != nil && last.Outcome.Image != nil && last.Outcome.Image.Platform != "" {
		made = last.Outcome.Image.Platform
	}
	here := "linux/" + runtime.GOARCH
	if made == here {
		return fmt.Sprintf("; the program in the image %s cannot be run here: look whether it is executable, and begins with #! if it is a script", e.image)
	}
	return fmt.Sprintf("; the image %s is for %s, and this machine is %s: build it for that (docker build --platform %s, or Image.from_debian_base(platform=(%q,)))", e.image, made, here, here, here)
}

// connectFailed is how the SDK and its storage client say that the endpoint
// does not answer.
var connectFailed = regexp.MustCompile(`(?i)tcp connect error|connection refused|connecterror|error sending request|timed out|timeout|no route to host|name or service not known|failed to lookup address`)

// unreached says, of a task that failed for want of a connection, that nothing
// ever came from its container: then it is the way that is closed.
func (e evidence) unreached() string {
	if e.image == "" || !e.program || e.reached || e.last() == nil {
		return ""
	}
	said := e.last().Outcome.Tail
	if e.left.failure != nil {
		said += e.left.failure.GetMessage()
	}
	if !connectFailed.MatchString(said) {
		return ""
	}
	return fmt.Sprintf("; nothing has reached drydock's endpoint from inside this image, where it is %s: %s", e.endpoint, openTheWay)
}

// noModule is what Python says of a module that it does not find, and noTar
// what it says of the program that the SDK unpacks code with.
var (
	noModule = regexp.MustCompile(`No module named '([^']+)'`)
	noTar    = regexp.MustCompile(`No such file or directory: '?tar'?`)
)

// missing explains a failure of a program's own for want of what is not
// installed, as the end of its message.
func (e evidence) missing() string {
	f := e.left.failure
	switch {
	case e.image != "" && noTar.MatchString(f.GetMessage()):
		return fmt.Sprintf("\n\nThe image %s has no program tar, with which the SDK unpacks the task's code. Add it: RUN apt-get update && apt-get install -y tar", e.image)
	case f.GetCode() != "ModuleNotFoundError":
		return ""
	}
	what := "the module"
	if m := noModule.FindStringSubmatch(f.GetMessage()); m != nil {
		what = "the module " + m[1]
	}
	if e.image != "" {
		return fmt.Sprintf("\n\nThe image %s does not have it. Unless it is part of the task's own code, add the package that %s belongs to to the image: Image.with_pip_packages(…), or RUN pip install in its Dockerfile", e.image, what)
	}
	if e.python == "" {
		return ""
	}
	image := "their image"
	if name := e.order.Action.Task.GetSpec().GetTaskTemplate().GetContainer().GetImage(); name != "" {
		image = "the image " + name
	}
	return fmt.Sprintf("\n\nTasks run with this machine's own Python here, not in %s. Unless it is part of the task's own code, install the package that %s belongs to: %s -m pip install PACKAGE", image, what, e.python)
}

// usedImage is the note about what exactly an image's name meant.
func usedImage(r *executor.Result) string {
	if n := len(r.Attempts); n > 0 {
		if o := r.Attempts[n-1].Outcome; o.Image != nil && o.Image.ID != "" {
			text := fmt.Sprintf("it ran in image %s", o.Image.ID)
			if o.Image.Digest != "" {
				text += ", " + o.Image.Digest
			}
			return text
		}
	}
	return ""
}
