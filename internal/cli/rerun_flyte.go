// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"

	"drydock/executor"
	"drydock/integration/flyte"
	"drydock/internal/history"
	"drydock/resources"
)

// isAction reports whether a task is an action of a Flyte run.
func isAction(rec *executor.Recorded) bool {
	return slices.Contains(rec.EnvNames, history.FlyteVariable)
}

// rerunAction makes a run of the action and follows it to its end, as drydock
// flyte does: against the server of the state directory, or a private one.
func (d *desk) rerunAction(ctx context.Context, o rerunOptions, rec *executor.Recorded) error {
	order, err := o.action(rec.ID)
	if err != nil {
		return err
	}
	home := flyte.Home{StateDir: d.stateDir}
	info, err := home.Running()
	if err != nil {
		return err
	}
	own := []string{"node", "profile", "sandbox", "gpu-substitute", "gpu-missing"}
	for _, flag := range own {
		if info != nil && o.Given[flag] {
			return usagef("leave it out, or end that one with drydock down",
				"--%s is for a drydock of one's own, and the one at %s runs the task", flag, info.Endpoint)
		}
	}
	up := upOptions{Listen: "127.0.0.1:0", Sandbox: o.Sandbox, Profile: o.Profile, Node: o.Node, StateDir: d.stateDir, Config: o.Config,
		JSON: o.JSON, Quiet: o.Quiet, nativeByDefault: rec.Task.Image == "", gpuOptions: o.gpuOptions, Given: map[string]bool{"state-dir": true}}
	for _, flag := range own {
		up.Given[flag] = o.Given[flag]
	}
	c, err := upConfig(ctx, d.w, up)
	if err != nil {
		return err
	}
	end, err := openEndpoint(ctx, d.w, flyteOptions{upOptions: up}, c)
	if err != nil {
		return serverError(err)
	}
	defer end.close()
	f := &flyteRun{w: d.w, o: flyteOptions{upOptions: up}, end: end, home: home, client: flyte.NewClient(end.endpoint)}
	defer func() { f.current().Close() }()
	f.signals = make(chan os.Signal, 4)
	for sig := range stopSignals {
		if !signal.Ignored(sig) {
			d.w.Notify(f.signals, sig)
		}
	}
	defer d.w.Unnotify(f.signals)
	if f.id, err = f.client.Rerun(ctx, order); err != nil {
		return &userError{what: fmt.Sprintf("task %s, an action of a Flyte run, cannot be run again: %v", rec.ID, err), cause: err}
	}
	return f.follow(ctx, false)
}

// action reads what is to be different. The rest stands in the program.
func (o rerunOptions) action(id string) (flyte.Rerun, error) {
	order := flyte.Rerun{TaskID: id}
	for _, flag := range []string{"env", "result"} {
		if o.Given[flag] {
			return order, usagef("leave it out; what is no resource stands in the program, which drydock flyte run runs", "--%s: task %s is an action of a Flyte run", flag, id)
		}
	}
	var t executor.Task
	if err := o.change(&t); err != nil {
		return order, err
	}
	over, err := overrides(splitOverrides(o.Override)) // which change has found right
	if err != nil {
		return order, err
	}
	r := t.Resources
	order.CPU, order.Memory, order.Disk, order.Shm = pair(r.CPU), pair(r.Memory), string(r.Disk), string(r.Shm)
	switch {
	case r.GPU != nil:
		w, err := resources.Resources{GPU: r.GPU}.Wire()
		if err != nil {
			return order, err
		}
		order.Devices, order.Accelerator = strconv.Itoa(r.GPU.Quantity), w.Accelerator
	case o.GPU == "0" || over.noGPU:
		order.Devices = "0"
	}
	return order, nil
}

// pair is a request and a limit; one value is both.
func pair(r resources.Range) [2]string {
	request, limit := string(r.Request), string(r.Limit)
	if limit == "" {
		limit = request
	}
	if request == "" {
		request = limit
	}
	return [2]string{request, limit}
}
