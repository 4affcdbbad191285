// SPDX-License-Identifier: Apache-2.0

// Package state is drydock's directory on disk: where it lies, how its files
// are named, and how they are written so that a reader never sees half of one.
//
//	<root>/version                     the layout's version, one number
//	<root>/history.db                  an index of ended tasks (package history)
//	<root>/tasks/<id>/task.json        what was asked (names of variables, never their values)
//	<root>/tasks/<id>/lock             locked by whoever runs or follows the task
//	<root>/tasks/<id>/waiting.json     what it waits for, while it does
//	<root>/tasks/<id>/ended.json       the same document that --result writes
//	<root>/tasks/<id>/attempts/<n>/    one sandbox: demand.json and verdict.json are the
//	                                   executor's, the rest is the sandbox's own
//	<root>/tasks/.pruned-<id>/         a task that is being removed
//
// Begin with Open.
package state
