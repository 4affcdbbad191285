// SPDX-License-Identifier: Apache-2.0

// Package report writes what a person reads about a task: the line at its
// start, the lines between attempts, and the report at its end, above all the
// one about running out of memory.
//
// Begin with End. Everything here is a pure function from what the executor
// knows to text; the same truth as JSON is the executor's own document.
package report
