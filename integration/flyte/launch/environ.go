// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/launch/python"
)

// standardPath is where a task finds programs behind the Python's own.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// loopback are the names that never go through a proxy: the endpoint and its
// storage are there, and the SDK's HTTP client trusts the environment.
const loopback = "localhost,127.0.0.1,::1"

// forbidden change how the SDK's runtime initialises itself, so that a task
// which has one does not reach this endpoint. They are taken out wherever they
// come from.
var forbidden = []string{
	"FLYTECTL_CONFIG", "UCTL_CONFIG", "EAGER_API_KEY", "_UNION_EAGER_API_KEY", "FLYTE_API_KEY",
	"FLYTE_AUTH_TYPE", "FLYTE_AUTH_COMMAND", "FLYTE_AUTH_PROXY_COMMAND", "FLYTE_ADMIN_ENDPOINT",
	"FLYTE_CLUSTERED_WORKER", "FLYTE_APPLE_SILICON_ENDPOINT",
}

// environ is an attempt's whole environment: nothing of drydock's own is
// inherited. Where a name is set twice the backend's order decides: what
// belongs to the action, then the run's, then the task's own. Secrets are laid
// over the latter two.
func (l *Launcher) environ(o engine.Order, t target, p python.Python, secrets map[string]string, workDir string) (env map[string]string, notes []string) {
	env, notes = asked(o, t, secrets)
	suggest(env, "HOME", workDir)
	suggest(env, "LANG", "C.UTF-8")
	suggest(env, "PYTHONUNBUFFERED", "1") // a pipe's buffer is lost with a kill
	if p.UserBase != "" {
		suggest(env, "PYTHONUSERBASE", p.UserBase)
	}
	env["PATH"] = searchPath(p, env["PATH"])
	noProxy(env, loopback)
	identify(env, o)
	l.connect(env, o, Endpoint{API: l.c.APIEndpoint, S3: l.c.S3Endpoint})
	return env, notes
}

// asked is the environment that an attempt's task and run ask for.
func asked(o engine.Order, t target, secrets map[string]string) (env map[string]string, notes []string) {
	env = map[string]string{}
	overlay(env, t.env)
	overlay(env, o.Run.Spec.GetEnvs().GetValues())
	maps.Copy(env, secrets)
	for _, name := range forbidden {
		if _, ok := env[name]; ok {
			delete(env, name)
			notes = append(notes, fmt.Sprintf("the variable %s is not set: it would keep the task from reaching this drydock", name))
		}
	}
	return env, notes
}

func overlay(env map[string]string, pairs []*core.KeyValuePair) {
	for _, pair := range pairs {
		if name := pair.GetKey(); name != "" && !strings.ContainsAny(name, "=\x00") && !strings.ContainsRune(pair.GetValue(), 0) {
			env[name] = pair.GetValue()
		}
	}
}

// suggest sets a variable that the task did not set.
func suggest(env map[string]string, name, value string) {
	if _, ok := env[name]; !ok {
		env[name] = value
	}
}

// noProxy adds names to what a task keeps from its proxy.
func noProxy(env map[string]string, names string) {
	kept := cmp.Or(env["NO_PROXY"], env["no_proxy"])
	if kept != "" && kept != names {
		kept += "," + names
	}
	env["NO_PROXY"] = cmp.Or(kept, names)
	env["no_proxy"] = env["NO_PROXY"]
}

// identify says which action it is (flyte-sdk _bin/runtime.py).
func identify(env map[string]string, o engine.Order) {
	run, id := o.Run.ID, o.Action.Task.GetSpec().GetTaskTemplate().GetId()
	maps.Copy(env, map[string]string{
		"ACTION_NAME":                      o.Action.ID.Name,
		"RUN_NAME":                         run.Name,
		"FLYTE_INTERNAL_EXECUTION_ID":      run.Name,
		"FLYTE_INTERNAL_EXECUTION_PROJECT": run.Project,
		"FLYTE_INTERNAL_EXECUTION_DOMAIN":  run.Domain,
		"FLYTE_INTERNAL_TASK_PROJECT":      id.GetProject(),
		"FLYTE_INTERNAL_TASK_DOMAIN":       id.GetDomain(),
		"FLYTE_INTERNAL_TASK_NAME":         id.GetName(),
		"FLYTE_INTERNAL_TASK_VERSION":      id.GetVersion(),
		"FLYTE_ATTEMPT_NUMBER":             strconv.Itoa(o.Retry),
		"_U_ORG_NAME":                      "local", // must not be empty; means nothing here
		"_U_RUN_BASE":                      o.Run.OutputBase,
	})
}

// connect says where the endpoint and its storage are, and with which keys
// (flyte-sdk _initialize.py, storage/_config.py).
func (l *Launcher) connect(env map[string]string, o engine.Order, to Endpoint) {
	accessKey, secret := l.c.Credentials(o.Run.ID)
	delete(env, "FLYTE_AWS_S3_ADDRESSING_STYLE") // the store here is found by path only
	maps.Copy(env, map[string]string{
		"_U_EP_OVERRIDE":              to.API,
		"_U_INSECURE":                 "true",
		"_U_USE_ACTIONS":              "1",
		"FLYTE_AWS_ENDPOINT":          to.S3,
		"FLYTE_AWS_ACCESS_KEY_ID":     accessKey,
		"FLYTE_AWS_SECRET_ACCESS_KEY": secret,
	})
}

// searchPath is a task's PATH: the Python's own directories, those that the
// task names, then the standard ones, so that a0 and tar are always found.
func searchPath(p python.Python, own string) string {
	var dirs []string
	for _, dir := range slices.Concat(p.Path(), strings.Split(own, ":"), strings.Split(standardPath, ":")) {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, ":")
}
