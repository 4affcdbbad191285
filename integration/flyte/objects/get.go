// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"drydock/integration/flyte/objects/internal/keypath"
)

// Content is an open object. It keeps showing the content it was opened with,
// whatever is put under its key or deleted later.
type Content interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Get opens an object; the caller closes the Content. It fails with
// ErrNotFound or ErrInvalidKey, or with what the system says.
func (s *Store) Get(ctx context.Context, key string) (Content, Info, error) {
	f, rec, err := s.open(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	return f, rec.info(key), nil
}

// GetBytes returns an object's whole content. It fails like Get, and with
// ErrTooLarge when there are more than max bytes.
func (s *Store) GetBytes(ctx context.Context, key string, max int64) ([]byte, Info, error) {
	f, rec, err := s.open(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer f.Close()
	if rec.Size > max {
		return nil, Info{}, fmt.Errorf("%w: %q has %d bytes, at most %d were asked for", ErrTooLarge, key, rec.Size, max)
	}
	data := make([]byte, rec.Size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, Info{}, fmt.Errorf("read %q: %w", key, err)
	}
	return data, rec.info(key), nil
}

// Stat describes an object. It fails like Get.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	fi, err := s.stat(key)
	if err != nil {
		return Info{}, err
	}
	if rec, ok := s.readRecords(key).of(fi); ok {
		return rec.info(key), nil
	}
	f, rec, err := s.open(ctx, key)
	if err != nil {
		return Info{}, err
	}
	f.Close()
	return rec.info(key), nil
}

// open opens an object together with the record about exactly this content.
func (s *Store) open(ctx context.Context, key string) (*os.File, record, error) {
	if err := checkKey(key); err != nil {
		return nil, record{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, record{}, err
	}
	f, fi, err := s.openFile(key)
	if err != nil {
		return nil, record{}, err
	}
	if rec, ok := s.readRecords(key).of(fi); ok {
		return f, rec, nil
	}
	f.Close()
	// Either the object changed between the two reads, or its file came here
	// by other ways than Put. Nothing changes while its lock is held.
	defer s.objects.of(key)()
	return s.openLocked(key)
}

// openLocked is open for callers that hold the object's lock.
func (s *Store) openLocked(key string) (*os.File, record, error) {
	f, fi, err := s.openFile(key)
	if err != nil {
		return nil, record{}, err
	}
	known := s.readRecords(key)
	if rec, ok := known.of(fi); ok {
		return f, rec, nil
	}
	rec, err := s.adopt(key, f, fi, known)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, record{}, fmt.Errorf("read %q: %w", key, err)
	}
	return f, rec, nil
}

// openFile opens the file that holds the object's content now.
func (s *Store) openFile(key string) (*os.File, fs.FileInfo, error) {
	name := objectPath(key)
	for range 2 {
		f, fi, err := s.openPath(name)
		if err != nil {
			return nil, nil, notFound(key, err)
		}
		if fi.Mode().IsRegular() {
			return f, fi, nil
		}
		f.Close()
		name += "/" + keypath.Self
	}
	return nil, nil, notFound(key, fs.ErrNotExist)
}

func (s *Store) openPath(name string) (*os.File, fs.FileInfo, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

// stat describes the file that holds the object's content now.
func (s *Store) stat(key string) (fs.FileInfo, error) {
	name := objectPath(key)
	for range 2 {
		fi, err := s.root.Lstat(name)
		if err != nil {
			return nil, notFound(key, err)
		}
		if fi.Mode().IsRegular() {
			return fi, nil
		}
		if !fi.IsDir() {
			break
		}
		name += "/" + keypath.Self
	}
	return nil, notFound(key, fs.ErrNotExist)
}

func notFound(key string, err error) error {
	if absent(err) {
		return fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	return fmt.Errorf("object %q: %w", key, err)
}
