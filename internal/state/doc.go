// SPDX-License-Identifier: Apache-2.0

// Package state is drydock's directory on disk: where it lies, how its files
// are named, and how they are written so that a reader never sees half of one.
//
//	<root>/version                     the layout's version, one number
//	<root>/tasks/<id>/task.json        what was asked (names of variables, never their values)
//	<root>/tasks/<id>/lock             locked by whoever runs or follows the task
//	<root>/tasks/<id>/ended.json       the same document that --result writes
//	<root>/tasks/<id>/attempts/<n>/    one sandbox: demand.json and verdict.json are the
//	                                   executor's, the rest is the sandbox's own
//
// Begin with Open.
package state
