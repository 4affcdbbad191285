// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
)

// The book's records: JSON, with the protocol's messages inside as bytes, so
// that fields which drydock does not know survive.

type runRecord struct {
	Spec       []byte             `json:"spec"`
	StartTime  time.Time          `json:"start_time"`
	Created    time.Time          `json:"created"`
	OutputBase string             `json:"output_base"`
	InputsHash string             `json:"inputs_hash,omitempty"`
	Source     workflow.RunSource `json:"source,omitempty"`
}

// specRecord is what of an action never changes.
type specRecord struct {
	Parent    string    `json:"parent,omitempty"`
	Group     string    `json:"group,omitempty"`
	InputURI  string    `json:"input_uri,omitempty"`
	Created   time.Time `json:"created"`
	Task      []byte    `json:"task,omitempty"`
	Trace     []byte    `json:"trace,omitempty"`
	Condition []byte    `json:"condition,omitempty"`
}

type stateRecord struct {
	State
	Error    []byte          `json:"error,omitempty"`
	Value    []byte          `json:"value,omitempty"`
	Attempts []attemptRecord `json:"attempts,omitempty"`
}

type attemptRecord struct {
	Attempt
	Error []byte `json:"error,omitempty"`
}

func (id RunID) key() string    { return id.Project + "/" + id.Domain + "/" + id.Name }
func (id ActionID) key() string { return id.Run.key() + "/" + id.Name }

// timeKey orders runs by their creation.
func timeKey(r *Run) string {
	return fmt.Sprintf("%020d/%s", r.Created.UnixNano(), r.ID.key())
}

func runIDOf(key string) (RunID, bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return RunID{}, false
	}
	return RunID{parts[0], parts[1], parts[2]}, true
}

func putRun(tx book.Tx, r *Run) error {
	spec, err := proto.Marshal(r.Spec)
	if err != nil {
		return err
	}
	if err := putJSON(tx, book.Runs, r.ID.key(), runRecord{spec, r.StartTime, r.Created, r.OutputBase, r.InputsHash, r.Source}); err != nil {
		return err
	}
	if err := tx.Put(book.RunTimes, timeKey(r), nil); err != nil {
		return err
	}
	return tx.Put(book.Open, r.ID.key(), nil)
}

func getRun(tx book.Tx, id RunID) (*Run, error) {
	data := tx.Get(book.Runs, id.key())
	if data == nil {
		return nil, fmt.Errorf("run %s: %w", id.Name, ErrNotFound)
	}
	var rec runRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, fmt.Errorf("the record of run %s: %w", id.key(), err)
	}
	r := &Run{ID: id, Spec: &task.RunSpec{}, StartTime: rec.StartTime, Created: rec.Created,
		OutputBase: rec.OutputBase, InputsHash: rec.InputsHash, Source: rec.Source}
	return r, proto.Unmarshal(rec.Spec, r.Spec)
}

func putSpec(tx book.Tx, a *Action) error {
	rec := specRecord{Parent: a.Parent, Group: a.Group, InputURI: a.InputURI, Created: a.Created}
	var err error
	switch {
	case a.Task != nil:
		rec.Task, err = proto.Marshal(a.Task)
	case a.Trace != nil:
		rec.Trace, err = proto.Marshal(a.Trace)
	default:
		rec.Condition, err = proto.Marshal(a.Condition)
	}
	if err != nil {
		return err
	}
	return putJSON(tx, book.Specs, a.ID.key(), rec)
}

func putState(tx book.Tx, a *Action) error {
	rec := stateRecord{State: a.State}
	var err error
	if rec.Error, err = marshal(a.Error); err != nil {
		return err
	}
	if a.Value != nil {
		if rec.Value, err = proto.Marshal(a.Value); err != nil {
			return err
		}
	}
	for _, at := range a.Attempts {
		failure, err := marshal(at.Error)
		if err != nil {
			return err
		}
		rec.Attempts = append(rec.Attempts, attemptRecord{at, failure})
	}
	return putJSON(tx, book.States, a.ID.key(), rec)
}

func getAction(tx book.Tx, id ActionID) (*Action, error) {
	return readAction(id, tx.Get(book.Specs, id.key()), tx.Get(book.States, id.key()))
}

func readAction(id ActionID, specData, stateData []byte) (*Action, error) {
	if specData == nil || stateData == nil {
		return nil, fmt.Errorf("action %s of run %s: %w", id.Name, id.Run.Name, ErrNotFound)
	}
	var spec specRecord
	var state stateRecord
	if err := json.Unmarshal(specData, &spec); err != nil {
		return nil, fmt.Errorf("the record of action %s: %w", id.key(), err)
	}
	if err := json.Unmarshal(stateData, &state); err != nil {
		return nil, fmt.Errorf("the record of action %s: %w", id.key(), err)
	}
	a := &Action{ID: id, Parent: spec.Parent, Group: spec.Group, InputURI: spec.InputURI, Created: spec.Created, State: state.State}
	var err error
	switch {
	case spec.Trace != nil:
		a.Trace = &workflow.TraceAction{}
		err = proto.Unmarshal(spec.Trace, a.Trace)
	case spec.Condition != nil:
		a.Condition = &workflow.ConditionAction{}
		err = proto.Unmarshal(spec.Condition, a.Condition)
	default:
		a.Task = &workflow.TaskAction{}
		err = proto.Unmarshal(spec.Task, a.Task)
	}
	if err != nil {
		return nil, err
	}
	return a, state.fill(a)
}

func (rec *stateRecord) fill(a *Action) error {
	var err error
	if a.Error, err = unmarshal(rec.Error); err != nil {
		return err
	}
	if rec.Value != nil {
		a.Value = &core.Literal{}
		if err := proto.Unmarshal(rec.Value, a.Value); err != nil {
			return err
		}
	}
	for _, at := range rec.Attempts {
		if at.Attempt.Error, err = unmarshal(at.Error); err != nil {
			return err
		}
		a.Attempts = append(a.Attempts, at.Attempt)
	}
	return nil
}

func marshal(e *core.ExecutionError) ([]byte, error) {
	if e == nil {
		return nil, nil
	}
	return proto.Marshal(e)
}

func unmarshal(data []byte) (*core.ExecutionError, error) {
	if data == nil {
		return nil, nil
	}
	e := &core.ExecutionError{}
	return e, proto.Unmarshal(data, e)
}

func putJSON(tx book.Tx, b book.Bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(b, key, data)
}
