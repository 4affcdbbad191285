// SPDX-License-Identifier: Apache-2.0

// Package timeline makes the report of drydock report: what each attempt of a
// task did with its memory and its CPU from its start to its end, where its
// limits were, when it was killed, and what the verdict says.
//
// Find turns what a person typed into a task's id, and Load reads what the
// state directory keeps about it into a Report, which is plain data. Write
// prints a Report as a page (one HTML file without scripts that needs no
// network), as JSON, as CSV, or as text for a terminal.
package timeline
