// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"strings"

	"drydock/executor"
	"drydock/gpu"
	"drydock/integration/flyte/engine"
	"drydock/resources"
)

// ask reads what a task asks for, and what of it does not count. The profile
// completes it later, in the executor, by the cluster's rules.
func ask(task string, t target) (r resources.Resources, notes []string, err error) {
	r, warnings, err := resources.FromWire(t.resources)
	if err != nil {
		return r, nil, refuse(codeBadTask, "the resources of task %s cannot be read: %s", task, told(err))
	}
	for _, w := range warnings {
		if w.Code == resources.CodeIgnored { // the executor tells the others again
			notes = append(notes, inPython(w.Text))
		}
	}
	return r, notes, nil
}

// noAccelerator is the end of a task whose devices are not to be had. Trying
// again does not help, whose fault it may be.
func (e evidence) noAccelerator() engine.End {
	code := codeNoAccelerator
	refused, ok := errors.AsType[*gpu.RefusalError](e.err)
	if ok && refused.Asked.Class == resources.ClassAppleSilicon {
		code = codeNoAppleSilicon
	}
	message := inPython(e.sentence())
	if e.result.Verdict.Kind == executor.KindSystem {
		return e.system(code, message, engine.RetryNever)
	}
	without := e.result.Task.Resources
	without.GPU = nil
	return e.user(code, message+"; or ask for none: "+override(without), engine.RetryNever)
}

// told is an error's text with its hint.
func told(err error) string {
	var sdk *resources.SDKError
	if errors.As(err, &sdk) && sdk.Hint != "" && !strings.Contains(err.Error(), sdk.Hint) {
		return err.Error() + "; " + sdk.Hint
	}
	return err.Error()
}

// override is the line that gives a task other resources.
func override(r resources.Resources) string { return ".override(resources=" + r.Python() + ")" }
