// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"drydock/integration/flyte/objects/internal/keypath"
)

// S3 knows no directories: an object a/b does not keep anybody from storing
// a/b/c. Here one of them is a file where the other needs a directory. Then
// a/b lives in a/b/%=, and the first of the two to come is moved there: a
// directory with the object in it is made aside and changes places with the
// file in one step (RENAME_EXCHANGE), so that both are there at any time.

// place gives the file its name among the objects and makes that durable. The
// caller holds the object's lock.
func (s *Store) place(t *temp, name string) error {
	for {
		err := s.tryPlace(t, name)
		switch {
		case err == nil:
			return s.syncDir(path.Dir(name))
		case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST): // the system's and os.Root's name for it
			name += "/" + keypath.Self
		case errors.Is(err, syscall.ENOTDIR):
			if err := s.makeRoom(path.Dir(name)); err != nil {
				return err
			}
		default:
			return wrote(err)
		}
	}
}

func (s *Store) tryPlace(t *temp, name string) error {
	s.layout.RLock()
	defer s.layout.RUnlock()
	err := s.root.Rename(t.path, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeDirs(path.Dir(name)); err == nil {
			err = s.root.Rename(t.path, name)
		}
	}
	if err == nil {
		t.renamed()
		s.step("object placed")
	}
	return err
}

// makeDirs makes the directories on the way to dir that are missing, and dir,
// durably. An object in the way is ENOTDIR. It goes down step by step: a hostile
// key can be a thousand levels deep.
func (s *Store) makeDirs(dir string) error {
	parent := s.root
	for name := range strings.SplitSeq(dir, "/") {
		child, err := makeDir(parent, name)
		if parent != s.root {
			parent.Close()
		}
		if err != nil {
			return err
		}
		parent = child
		s.step("directory made")
	}
	return parent.Close()
}

func makeDir(parent *os.Root, name string) (*os.Root, error) {
	err := parent.Mkdir(name, privateDir)
	if err == nil {
		err = syncRoot(parent)
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
		if fi, statErr := parent.Lstat(name); statErr == nil && fi.Mode().IsRegular() {
			err = syscall.ENOTDIR // OpenRoot has no name for it
		}
	}
	if err != nil {
		return nil, err
	}
	return parent.OpenRoot(name)
}

// makeRoom makes a directory of the topmost object on the way to dir, or of
// dir itself. There may be none any more.
func (s *Store) makeRoom(dir string) error {
	s.layout.Lock()
	defer s.layout.Unlock()
	end := len(objectsDir)
	for end < len(dir) {
		if i := strings.IndexByte(dir[end+1:], '/'); i >= 0 {
			end += 1 + i
		} else {
			end = len(dir)
		}
		fi, err := s.root.Lstat(dir[:end])
		switch {
		case absent(err):
			return nil
		case err != nil:
			return err
		case fi.Mode().IsRegular():
			return s.enclose(dir[:end])
		case !fi.IsDir():
			return fmt.Errorf("%s is neither an object nor a directory", dir[:end])
		}
	}
	return nil
}

// enclose replaces the object's file by a directory that holds it.
func (s *Store) enclose(name string) error {
	aside := tmpDir + "/" + rand.Text()
	if err := s.root.Mkdir(aside, privateDir); err != nil {
		return wrote(err)
	}
	defer s.root.RemoveAll(aside)
	if err := s.root.Link(name, aside+"/"+keypath.Self); err != nil {
		return wrote(err)
	}
	if err := s.syncDir(aside); err != nil {
		return err
	}
	s.step("object linked")
	if err := s.exchange(aside, name); err != nil {
		return fmt.Errorf("make %s a directory: %w", name, wrote(err))
	}
	s.step("object enclosed")
	return s.syncDir(path.Dir(name))
}

// exchange swaps two names. os.Root finds their directories, and what is left
// for the system to look up are single names in them.
func (s *Store) exchange(a, b string) error {
	dirA, err := s.root.Open(path.Dir(a))
	if err != nil {
		return err
	}
	defer dirA.Close()
	dirB, err := s.root.Open(path.Dir(b))
	if err != nil {
		return err
	}
	defer dirB.Close()
	return unix.Renameat2(int(dirA.Fd()), path.Base(a), int(dirB.Fd()), path.Base(b), unix.RENAME_EXCHANGE)
}
