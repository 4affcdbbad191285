// SPDX-License-Identifier: Apache-2.0

// Package top is the live table of drydock top: what each running task uses
// of its limits, now and over the last minute. It is the only package that
// knows bubbletea, which reads keys and paints the screen.
//
// Begin with Run. A Snapshot is plain data, and Text draws one.
package top
