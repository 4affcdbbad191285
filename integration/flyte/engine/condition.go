// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"time"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
)

// await ends a condition that nobody signals in time. Call it with mu held.
func (r *liveRun) await(n *node) {
	limit := n.a.Condition.GetTimeout().AsDuration()
	if limit <= 0 {
		return
	}
	timer := time.AfterFunc(n.a.Created.Add(limit).Sub(r.e.now()), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n.a.Done() || r.isClosed() {
			return
		}
		_ = r.set(n, true, func(s *State) { // after a crash it times out again
			s.Phase, s.Ended = common.ActionPhase_ACTION_PHASE_TIMED_OUT, r.e.now()
			s.Error = failure(core.ExecutionError_USER, "ConditionTimedout", "nobody signalled the condition within %s", limit)
		})
	})
	n.cancel = func(error) { timer.Stop() }
}

// Signal ends a condition with a value. Errors: ErrNotFound, ErrInvalid when
// it is no condition, over, or of another type.
func (e *Engine) Signal(id ActionID, value *core.Literal) error {
	r := e.liveRun(id.Run)
	if r == nil {
		if _, err := e.Action(id); err != nil {
			return err
		}
		return fmt.Errorf("%w: run %s is over", ErrInvalid, id.Run.Name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[id.Name]
	switch {
	case n == nil:
		return fmt.Errorf("action %s: %w", id, ErrNotFound)
	case n.a.Condition == nil:
		return fmt.Errorf("%w: action %s is no condition", ErrInvalid, id)
	case n.a.Done():
		return fmt.Errorf("%w: condition %s is over", ErrInvalid, id)
	}
	if want := n.a.Condition.GetType().GetSimple(); want != simpleType(value) {
		return fmt.Errorf("%w: condition %s takes a value of type %s, not %s", ErrInvalid, id, want, simpleType(value))
	}
	err := r.set(n, true, func(s *State) {
		s.Phase, s.Ended, s.Value = common.ActionPhase_ACTION_PHASE_SUCCEEDED, r.e.now(), value
	})
	if err == nil && n.cancel != nil {
		n.cancel(nil)
	}
	return err
}

// simpleType is the type of a primitive literal; NONE for all others.
func simpleType(l *core.Literal) core.SimpleType {
	switch l.GetScalar().GetPrimitive().GetValue().(type) {
	case *core.Primitive_Boolean:
		return core.SimpleType_BOOLEAN
	case *core.Primitive_Integer:
		return core.SimpleType_INTEGER
	case *core.Primitive_FloatValue:
		return core.SimpleType_FLOAT
	case *core.Primitive_StringValue:
		return core.SimpleType_STRING
	}
	return core.SimpleType_NONE
}
