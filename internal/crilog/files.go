// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Rotated is the name of file n of the log at path, once it is full: the first
// is 1, and the one that path itself names is always the newest. No file is
// renamed twice, so that a reader knows which one comes next.
func Rotated(path string, n int) string { return path + "." + strconv.Itoa(n) }

// Kept are the numbers of the full files of the log at path that are still
// there, in order. The file at path has the number after the last.
func Kept(path string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	prefix := filepath.Base(path) + "."
	var kept []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 && e.Name() == prefix+strconv.Itoa(n) {
			kept = append(kept, n)
		}
	}
	slices.Sort(kept)
	return kept, nil
}

// newest is the number of the file that the log's own name is.
func newest(kept []int) int {
	if len(kept) == 0 {
		return 1
	}
	return kept[len(kept)-1] + 1
}

// Position is a place in a log. The zero value is the beginning of what is
// kept of it.
type Position struct {
	File   int   // its number; 0: the oldest that there is
	Offset int64 // in that file; the beginning of a line of it
}

// errGone says that a file of a log was removed to make room for newer ones.
var errGone = errors.New("the file is not kept any more")

// open opens file n of a log, whatever its name is by now. The error wraps
// fs.ErrNotExist when it is not there yet, and is errGone when it was removed.
func open(path string, n int) (*os.File, error) {
	for {
		f, err := os.Open(Rotated(path, n))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.Open(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		kept, listErr := Kept(path)
		if listErr == nil && newest(kept) == n { // after the opening: it still had the name then, or nobody has
			return f, err
		}
		if err == nil {
			_ = f.Close() // read only; another one's
		}
		switch {
		case listErr != nil:
			return nil, listErr
		case newest(kept) < n:
			return nil, &fs.PathError{Op: "open", Path: Rotated(path, n), Err: fs.ErrNotExist}
		case !slices.Contains(kept, n):
			return nil, errGone
		} // it got its number meanwhile
	}
}

// Reader reads the bytes of a log that may be written to, across its files.
// It is for one goroutine.
type Reader struct {
	path string
	at   int // the number of file, or of the one that comes next; 0: none yet
	file *os.File
	from int64 // where to begin in the next file
	lost int   // files that were gone before they were read
}

// Open returns a Reader of the log at path, from a position on. Its file need
// not be there yet: there is nothing to be read then.
func Open(path string, from Position) *Reader {
	return &Reader{path: path, at: from.File, from: from.Offset}
}

// Read reads what is there; io.EOF means that nothing more is yet.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		if r.file == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.file.Read(p)
		if n > 0 || err == nil || !errors.Is(err, io.EOF) {
			return n, err
		}
		if !r.full() {
			return 0, io.EOF
		}
		// Nobody writes to a file that has lost the log's name: what it got
		// until then is there now.
		if n, err := r.file.Read(p); n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		_ = r.file.Close() // read only
		r.file, r.at = nil, r.at+1
	}
}

// full reports whether the log's name is another file's by now.
func (r *Reader) full() bool {
	named, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true // it is about to be
	}
	own, ownErr := r.file.Stat()
	return err == nil && ownErr == nil && !os.SameFile(named, own)
}

// next opens the next file, or the oldest after it where that is gone.
func (r *Reader) next() error {
	for {
		if r.at == 0 {
			if err := r.skip(); err != nil {
				return err
			}
		}
		f, err := open(r.path, r.at)
		switch {
		case errors.Is(err, errGone):
			if err := r.skip(); err != nil {
				return err
			}
			continue
		case errors.Is(err, fs.ErrNotExist):
			return io.EOF
		case err != nil:
			return err
		}
		if _, err := f.Seek(r.from, io.SeekStart); err != nil {
			return errors.Join(err, f.Close())
		}
		r.file, r.from = f, 0
		return nil
	}
}

// skip goes to the oldest file behind r.at.
func (r *Reader) skip() error {
	kept, err := Kept(r.path)
	if err != nil {
		return err
	}
	to := newest(kept)
	if i := slices.IndexFunc(kept, func(n int) bool { return n > r.at }); i >= 0 {
		to = kept[i]
	}
	r.lost += to - max(r.at, 1)
	r.at, r.from = to, 0
	return nil
}

// Lost is how many files were gone before they were read, since it was last
// asked.
func (r *Reader) Lost() int {
	n := r.lost
	r.lost = 0
	return n
}

// Close ends the reading.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
