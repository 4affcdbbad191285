// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

// Identifiers carry an organisation, which is not looked at: the SDK takes it
// from the endpoint's host name, so that one run has several.

const (
	maxName = 63  // of projects, domains, runs and actions: a DNS label, as in Flyte
	maxText = 255 // of a task's name and version, which users choose more freely
)

// checkName says whether a project, domain, run or action may have a name.
// Names become parts of paths, keys and host names.
func checkName(what, name string) error {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	switch {
	case name == "" && (what == "project" || what == "domain"):
		return invalid("the name of the %s is missing: the SDK takes it from --%s or from its configuration", what, what)
	case name == "":
		return invalid("the name of the %s is missing", what)
	case len(name) > maxName:
		return invalid("the name of the %s has %d characters, at most %d are possible", what, len(name), maxName)
	case strings.IndexFunc(name, bad) >= 0 || name[0] == '.' || name[0] == '-':
		return invalid("%q is no name for a %s: letters, digits, dots, underscores and dashes are, without a dot or dash at the beginning", name, what)
	}
	return nil
}

// checkText says whether a task may have a name or version, and a file a name.
func checkText(what, text string) error {
	bad := func(r rune) bool { return r == '/' || r == '\\' || r == utf8.RuneError || unicode.IsControl(r) }
	switch {
	case text == "":
		return invalid("the %s is missing", what)
	case len(text) > maxText:
		return invalid("the %s has %d bytes, at most %d are possible", what, len(text), maxText)
	case text == "." || text == ".." || strings.IndexFunc(text, bad) >= 0:
		return invalid("%q cannot be a %s", text, what)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkScope(project, domain string) error {
	return first(checkName("project", project), checkName("domain", domain))
}

// checkPart is checkScope for lists, in which an empty name stands for all: it
// is what a client sends that was told of no project.
func checkPart(project, domain string) (err error) {
	if project != "" {
		err = checkName("project", project)
	}
	if domain != "" {
		err = first(err, checkName("domain", domain))
	}
	return err
}

func runID(id *common.RunIdentifier) (engine.RunID, error) {
	run := engine.RunID{Project: id.GetProject(), Domain: id.GetDomain(), Name: id.GetName()}
	return run, first(checkScope(run.Project, run.Domain), checkName("run", run.Name))
}

func actionID(id *common.ActionIdentifier) (engine.ActionID, error) {
	run, err := runID(id.GetRun())
	return engine.ActionID{Run: run, Name: id.GetName()}, first(err, checkName("action", id.GetName()))
}

func checkTask(id *task.TaskIdentifier, version bool) error {
	err := first(checkScope(id.GetProject(), id.GetDomain()), checkText("task name", id.GetName()))
	if version || id.GetVersion() != "" {
		err = first(err, checkText("task version", id.GetVersion()))
	}
	return err
}

// taskID turns a template's own identifier into a task's.
func taskID(id *core.Identifier) *task.TaskIdentifier {
	return &task.TaskIdentifier{Org: id.GetOrg(), Project: id.GetProject(), Domain: id.GetDomain(), Name: id.GetName(), Version: id.GetVersion()}
}

func runIdentifier(id engine.RunID) *common.RunIdentifier {
	return &common.RunIdentifier{Project: id.Project, Domain: id.Domain, Name: id.Name}
}

func actionIdentifier(id engine.ActionID) *common.ActionIdentifier {
	return &common.ActionIdentifier{Run: runIdentifier(id.Run), Name: id.Name}
}
