// SPDX-License-Identifier: Apache-2.0

// Package engine is the life of Flyte runs and their actions: it accepts
// them, launches attempts, retries, times out, caches, aborts and tells
// watchers, and writes every step down before it takes effect, so that the
// next process continues where a killed one stopped.
//
// What an attempt is, is the Launcher's business; how clients speak, the
// api package's.
package engine
