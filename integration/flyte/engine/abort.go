// SPDX-License-Identifier: Apache-2.0

package engine

import "fmt"

// AbortRun aborts everything of a run. Nil when it is over already;
// ErrNotFound when there is no such run.
func (e *Engine) AbortRun(id RunID, reason string) error {
	return e.AbortAction(ActionID{id, RootAction}, reason)
}

// AbortAction aborts an action and all below it: they are ABORTED at once,
// and their sandboxes are stopped. What is over stays as it is; ErrNotFound
// when there is no such action, another error when the disk did not take it.
func (e *Engine) AbortAction(id ActionID, reason string) error {
	r := e.liveRun(id.Run)
	if r == nil {
		_, err := e.Action(id)
		return err
	}
	if reason == "" {
		reason = "aborted on request"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[id.Name]
	if n == nil {
		return fmt.Errorf("action %s: %w", id, ErrNotFound)
	}
	if n.a.Done() {
		return nil
	}
	return r.abort(n, reason)
}
