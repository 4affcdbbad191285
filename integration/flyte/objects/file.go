// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
)

// A temp is a file that is being written, not yet under its name.
type temp struct {
	*os.File
	s    *Store
	path string
}

func (s *Store) newTemp() (*temp, error) {
	name := tmpDir + "/" + rand.Text()
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return nil, wrote(err)
	}
	return &temp{File: f, s: s, path: name}, nil
}

// discard ends the file: removes it, unless it was given a name meanwhile.
func (t *temp) discard() {
	t.Close()
	if t.path != "" {
		t.s.root.Remove(t.path)
	}
}

// sync makes the content durable.
func (t *temp) sync() error { return wrote(t.Sync()) }

// renamed says that the file has its name, so that discard leaves it.
func (t *temp) renamed() { t.path = "" }

// writeFile replaces a small file in a directory at most one level deeper than
// what Open makes. It is durable when writeFile returns.
func (s *Store) writeFile(name string, data []byte) error {
	t, err := s.newTemp()
	if err != nil {
		return err
	}
	defer t.discard()
	if _, err := t.Write(data); err != nil {
		return wrote(err)
	}
	if err := t.sync(); err != nil {
		return err
	}
	s.step("small file written")
	err = s.root.Rename(t.path, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.mkdirDurably(path.Dir(name)); err == nil {
			err = s.root.Rename(t.path, name)
		}
	}
	if err != nil {
		return wrote(err)
	}
	t.renamed()
	s.step("small file named")
	return s.syncDir(path.Dir(name))
}

func (s *Store) mkdirDurably(dir string) error {
	if err := s.root.Mkdir(dir, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return wrote(err)
	}
	return s.syncDir(path.Dir(dir))
}

// syncDir makes the names in a directory durable. A directory that was removed
// meanwhile needs nothing.
func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return wrote(f.Sync())
}

func syncRoot(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return wrote(f.Sync())
}
