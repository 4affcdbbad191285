// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/task"
)

// Deploy writes a version of a task down. A version is never replaced:
// ErrExists, whether its content is the same or not.
func (r *Registry) Deploy(id *task.TaskIdentifier, spec *task.TaskSpec) error {
	k, err := taskKey(id)
	if err != nil {
		return err
	}
	value, err := proto.Marshal(&task.TaskDetails{TaskId: id, Spec: spec, Metadata: &task.TaskMetadata{
		ShortName:        spec.GetShortName(),
		DeployedAt:       timestamppb.New(r.stamp()),
		EnvironmentName:  spec.GetEnvironment().GetName(),
		ShortDescription: spec.GetDocumentation().GetShortDescription(),
	}})
	if err != nil {
		return fmt.Errorf("%w: task %s: %w", ErrInvalid, id.GetName(), err)
	}
	return r.book.Batch(func(tx book.Tx) error {
		if tx.Get(book.Tasks, k) != nil {
			return fmt.Errorf("version %s of task %s is deployed already: %w", id.GetVersion(), id.GetName(), ErrExists)
		}
		return tx.Put(book.Tasks, k, value)
	})
}

// Task returns a deployed task: the given version of it, or without one the
// newest. Error: ErrNotFound.
func (r *Registry) Task(id *task.TaskIdentifier) (*task.TaskDetails, error) {
	if id.GetVersion() == "" {
		all, err := r.Versions(id.GetProject(), id.GetDomain(), id.GetName())
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("task %s in %s/%s: %w", id.GetName(), id.GetProject(), id.GetDomain(), ErrNotFound)
		}
		return all[0], nil
	}
	k, err := taskKey(id)
	if err != nil {
		return nil, err
	}
	var value []byte
	err = r.book.View(func(tx book.Tx) error {
		value = bytes.Clone(tx.Get(book.Tasks, k))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fmt.Errorf("version %s of task %s in %s/%s: %w", id.GetVersion(), id.GetName(), id.GetProject(), id.GetDomain(), ErrNotFound)
	}
	return decodeTask(k, value)
}

// Versions returns all versions of a task, the newest first; none is no error.
func (r *Registry) Versions(project, domain, name string) ([]*task.TaskDetails, error) {
	prefix, err := key(project, domain, name)
	if err != nil {
		return nil, err
	}
	all, err := r.tasks(prefix + "/")
	sortNewestFirst(all)
	return all, err
}

// Tasks returns the tasks of a project and domain ("" for all of them) in no
// particular order, of each the newest version for which match holds, and how
// many tasks there would be without match.
func (r *Registry) Tasks(project, domain string, match func(*task.TaskDetails) bool) (found []*task.TaskDetails, total int, err error) {
	prefix := ""
	if project != "" {
		if prefix, err = key(project); err != nil {
			return nil, 0, err
		}
		prefix += "/"
	}
	all, err := r.tasks(prefix)
	if err != nil {
		return nil, 0, err
	}
	sortNewestFirst(all)
	names, chosen := map[string]bool{}, map[string]bool{}
	for _, t := range all {
		id := t.GetTaskId()
		if domain != "" && id.GetDomain() != domain {
			continue
		}
		name := strings.Join([]string{id.GetProject(), id.GetDomain(), id.GetName()}, "/")
		names[name] = true
		if !chosen[name] && match(t) {
			chosen[name] = true
			found = append(found, t)
		}
	}
	return found, len(names), nil
}

// tasks reads what lies below a prefix.
func (r *Registry) tasks(prefix string) (all []*task.TaskDetails, err error) {
	viewErr := r.book.View(func(tx book.Tx) error {
		tx.Scan(book.Tasks, prefix, "", func(k string, value []byte) bool {
			var t *task.TaskDetails
			if t, err = decodeTask(k, value); err != nil {
				return false
			}
			all = append(all, t)
			return true
		})
		return err
	})
	return all, viewErr
}

func decodeTask(key string, value []byte) (*task.TaskDetails, error) {
	t := &task.TaskDetails{}
	if err := proto.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("the record of task %s: %w", key, err)
	}
	return t, nil
}

func sortNewestFirst(all []*task.TaskDetails) {
	slices.SortStableFunc(all, func(a, b *task.TaskDetails) int {
		return b.GetMetadata().GetDeployedAt().AsTime().Compare(a.GetMetadata().GetDeployedAt().AsTime())
	})
}

func taskKey(id *task.TaskIdentifier) (string, error) {
	return key(id.GetProject(), id.GetDomain(), id.GetName(), id.GetVersion())
}
