// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"strings"

	"drydock/resources"
)

// ask reads what a task asks for. The profile completes it later, in the
// executor, by the cluster's rules.
func ask(task string, t target) (resources.Resources, error) {
	r, _, err := resources.FromWire(t.resources) // the executor tells the warnings again
	if err != nil {
		return r, refuse(codeBadTask, "the resources of task %s cannot be read: %s", task, told(err))
	}
	if r.GPU != nil {
		return r, noAccelerator(task, r)
	}
	return r, nil
}

// noAccelerator refuses what nothing here grants.
func noAccelerator(task string, r resources.Resources) error {
	d := *r.GPU
	if d.Class == resources.ClassAppleSilicon {
		return refuse(codeNoAppleSilicon, "task %s asks for Apple Silicon, and this is a Linux machine; run it on a Mac's devbox, or leave gpu out to run it without", task)
	}
	without := r
	without.GPU = nil
	what := "gpu " + d.String()
	if d.Class != resources.ClassGPU && d.Class != "" {
		what = string(d.Class) + " " + d.String()
	}
	return refuse(codeNoAccelerator, "task %s asks for %s, and this drydock grants no accelerators yet; run it without: %s", task, what, override(without))
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
