// SPDX-License-Identifier: Apache-2.0

// Package console serves the pages a person opens to see what became of a
// run: the list of runs, a run with the tree of its actions, the log and the
// report of an attempt.
//
// The pages are plain HTML that needs no script, no network and no build; the
// paths are those of the URLs that the Flyte SDK prints. Nothing here changes
// anything: only GET and HEAD are answered.
package console
