// SPDX-License-Identifier: Apache-2.0

// Package executor runs tasks: it decides when a task runs, with what, what
// its end means, and whether it runs again.
//
// Begin with Run and Task. A Task is a command with Resources, as a Flyte task
// has them; Run completes the resources by the cluster's rules, waits until
// the machine has room, runs the task in a sandbox, judges the outcome by the
// verdict table, and retries where the task's policies say so:
//
//	_, err := executor.Run(ctx, task)
//	var oom *executor.OOMError
//	if errors.As(err, &oom) {
//		_, err = executor.Run(ctx, task.Override(resources.Resources{Memory: resources.Of("1Gi")}))
//	}
//
// A task with an Image runs in a container engine, any other in the runtime
// that is built in (Config.Images, Config.Sandbox); nothing else differs, but
// that an engine may let nobody look at the kernel's counters: then a verdict
// says whose word it rests on (OOMReport.Evidence).
//
// The machine is shared with all other processes that run tasks on it, unless
// Config.Capacity says otherwise: what waits says for what and for whom.
//
// A program that may be restarted while its tasks run gives each an id before
// it starts (NewID, WithID), and follows those that its predecessor left with
// Executor.Adopt. A task that only waits for others lends them what it holds
// (Loan).
//
// Facts and opinions never mix: package sandbox reports what the kernel said,
// this package alone says what it means (Judge).
package executor
