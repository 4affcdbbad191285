// SPDX-License-Identifier: Apache-2.0

// Package history is the index of what ran on this machine: tasks, attempts,
// what they asked, got and used, and how they ended. It is rebuilt from the
// state directory, which alone is the truth.
package history

import _ "modernc.org/sqlite" // the driver
