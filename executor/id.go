// SPDX-License-Identifier: Apache-2.0

package executor

import "drydock/internal/state"

// NewID returns a new task id for WithID: a ULID, 26 characters that sort by
// time. It is safe for concurrent use and fails only when the system has no
// random numbers.
func NewID() (string, error) { return state.NewID() }

// AttemptDir returns the directory that holds what is kept of attempt n (from
// 1) of a task: its log, samples and documents. It need not exist. It is ""
// for what is no task id or number.
func (x *Executor) AttemptDir(id string, n int) string {
	if !state.ValidID(id) || n < 1 {
		return ""
	}
	return x.state.Attempt(id, n)
}
