// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"path"

	"drydock/integration/flyte/objects/internal/keypath"
)

// Delete removes an object, durably. That there is none is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.objects.of(key)()
	dir, err := s.remove(objectPath(key))
	if err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	if err := s.syncDir(dir); err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	s.step("object removed")
	if err := s.root.Remove(recordsPath(key)); err != nil && !absent(err) {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	return nil
}

// remove removes an object's file and the directories that are empty without
// it. It returns the lowest directory that is left.
func (s *Store) remove(name string) (dir string, err error) {
	s.layout.Lock()
	defer s.layout.Unlock()
	fi, err := s.root.Lstat(name)
	if err == nil && fi.IsDir() {
		name += "/" + keypath.Self
		_, err = s.root.Lstat(name)
	}
	if err == nil {
		err = s.root.Remove(name)
	}
	if absent(err) {
		return objectsDir, nil
	}
	if err != nil {
		return "", err
	}
	for dir = path.Dir(name); dir != objectsDir; dir = path.Dir(dir) {
		if s.root.Remove(dir) != nil { // not empty
			break
		}
	}
	return dir, nil
}
