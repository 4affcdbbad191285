// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// resultFile is where --result, or another flag that names a file, goes. The place is fixed before the task runs
// and no link is followed afterwards: the task may write to the same directory,
// and must not be able to lead drydock elsewhere.
type resultFile struct {
	flag string
	path string
	dir  *os.Root // with name: a regular file, replaced as a whole
	name string
	file *os.File // a device, pipe or the like: written as it is
}

// openResult returns nil for an empty path.
func openResult(path string) (*resultFile, error) { return openOutput("--result", path) }

// openOutput is openResult for the file that another flag names.
func openOutput(flag, path string) (*resultFile, error) {
	if path == "" {
		return nil, nil
	}
	bad := func(why string, cause error) error {
		return &userError{what: flag + " " + path + ": " + why, remedy: "name a file in an existing directory that you may write to", cause: cause}
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		real, err = path, nil // a dangling link is replaced
	}
	if err != nil {
		return nil, bad(reason(err), err)
	}
	r := &resultFile{flag: flag, path: path, name: filepath.Base(real)}
	info, err := os.Stat(real)
	switch {
	case err == nil && info.IsDir():
		return nil, bad("it is a directory", nil)
	case err == nil && !info.Mode().IsRegular():
		if r.file, err = os.OpenFile(real, os.O_WRONLY, 0); err != nil {
			return nil, bad(reason(err), err)
		}
		return r, nil
	}
	if r.dir, err = os.OpenRoot(filepath.Dir(real)); err != nil {
		return nil, bad("the directory cannot be used: "+reason(err), err)
	}
	// Learn now, not after hours, that nothing can be written there.
	probe, err := r.temporary()
	if err != nil {
		r.close()
		return nil, bad(reason(err), err)
	}
	_ = probe.Close()
	_ = r.dir.Remove(filepath.Base(probe.Name()))
	return r, nil
}

func (r *resultFile) temporary() (*os.File, error) {
	return r.dir.OpenFile("."+r.name+"."+rand.Text()[:8], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// write puts the document there, whole or not at all.
func (r *resultFile) write(document []byte) error {
	if r == nil {
		return nil
	}
	defer r.close()
	if r.file != nil {
		_, err := r.file.Write(document)
		return r.wrap(err)
	}
	f, err := r.temporary()
	if err != nil {
		return r.wrap(err)
	}
	name := filepath.Base(f.Name())
	_, err = f.Write(document)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = r.dir.Rename(name, r.name)
	}
	if err != nil {
		_ = r.dir.Remove(name)
	}
	return r.wrap(err)
}

// replace puts an empty file there and returns it open.
func (r *resultFile) replace() (*os.File, error) {
	f, err := r.temporary()
	if err != nil {
		return nil, err
	}
	name := filepath.Base(f.Name())
	if err := r.dir.Rename(name, r.name); err != nil {
		_ = r.dir.Remove(name)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (r *resultFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write %s %s: %w", r.flag, r.path, err)
}

func (r *resultFile) close() {
	if r == nil {
		return
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	if r.dir != nil {
		_ = r.dir.Close()
	}
}
