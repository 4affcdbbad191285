// SPDX-License-Identifier: Apache-2.0

// Package fanout makes many tasks of one: the product of a matrix and an array
// of indices. It hands them to an executor a few ahead of what runs, so that
// what waits its turn costs next to nothing, and counts how they end.
//
// Begin with Product, which says what the tasks are, then Run.
package fanout
