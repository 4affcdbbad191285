// SPDX-License-Identifier: Apache-2.0

// Package history lists what ran, runs and waits below one state directory:
// tasks and their attempts, what they asked, got and used, and how they ended.
//
// The state directory is the truth. An Index keeps what it read of ended
// tasks in a SQLite file beside them (history.db), so that their directories
// are read once; what runs or waits is looked at every time. Nothing that runs
// a task knows of the file: without it, with a damaged one or a full disk,
// List reads the directories and says why.
//
// Begin with Open, then List. It is the only package that knows the driver.
package history
