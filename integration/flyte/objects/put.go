// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// PutOptions say what to store besides the bytes, and when not to. The zero
// value stores any bytes, in place of whatever is there.
type PutOptions struct {
	ContentType string
	// Headers are sent with the object besides its content type:
	// Cache-Control, Content-Disposition, Content-Encoding, Content-Language
	// and X-Amz-Meta-…, in this spelling. Others are not kept.
	Headers map[string]string

	MD5     []byte // of the content, 16 bytes; another one is ErrDigest
	Size    int64  // bytes; another size is ErrIncomplete. 0 means unknown
	MaxSize int64  // bytes; more is ErrTooLarge. 0 means no limit

	IfAbsent bool   // ErrExists if there is an object
	IfMatch  string // only replace an object with this ETag
}

// Put stores what r yields under key and returns when it is durable. Until
// then, and for good when it fails, the key keeps the object it had. Of several
// Puts at once the last to finish wins. Cancelling ctx ends it between two
// reads from r. The error wraps one of this package's when it is one of those
// named in PutOptions, ErrInvalidKey or ErrNoSpace; an error of r is returned
// as it is.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts PutOptions) (Info, error) {
	return s.put(ctx, key, r, opts, nil)
}

// A digester has read everything that came out of the reader beside it.
type digester interface{ Sum([]byte) []byte }

// put is Put for a body that may be hashed already: sum, unless nil, is its
// MD5 once it is at its end.
func (s *Store) put(ctx context.Context, key string, r io.Reader, opts PutOptions, sum digester) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	// Not to take in a large body in vain; what counts is the check in commit.
	if err := s.checkConditions(key, opts, s.openFor(ctx)); err != nil {
		return Info{}, err
	}
	t, err := s.newTemp()
	if err != nil {
		return Info{}, err
	}
	defer t.discard()
	digest, err := s.receive(ctx, t, r, opts, sum)
	if err != nil {
		return Info{}, err
	}
	text := hex.EncodeToString(digest)
	return s.commit(key, t, record{ETag: text, MD5: text, ContentType: opts.ContentType, Headers: opts.Headers}, opts)
}

// receive writes a body to t and returns its MD5.
func (s *Store) receive(ctx context.Context, t *temp, r io.Reader, opts PutOptions, sum digester) ([]byte, error) {
	if opts.MaxSize > 0 {
		r = io.LimitReader(r, opts.MaxSize+1)
	}
	if sum == nil {
		h := md5.New()
		r, sum = io.TeeReader(r, h), h
	}
	n, err := s.copyBody(t.File, contextReader{ctx, r})
	if err != nil {
		return nil, err
	}
	digest := sum.Sum(nil)
	switch {
	case opts.MaxSize > 0 && n > opts.MaxSize:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, opts.MaxSize)
	case opts.Size > 0 && n != opts.Size:
		return nil, fmt.Errorf("%w: %d bytes instead of %d", ErrIncomplete, n, opts.Size)
	case len(opts.MD5) > 0 && !bytes.Equal(digest, opts.MD5):
		return nil, fmt.Errorf("%w: MD5 is %x instead of %x", ErrDigest, digest, opts.MD5)
	}
	return digest, nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

func (s *Store) copyBody(f *os.File, r io.Reader) (int64, error) {
	var w io.Writer = bodyWriter{f}
	if s.wrap != nil {
		w = bodyWriter{s.wrap(f)}
	}
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	return io.CopyBuffer(w, r, *buffer)
}

// bodyWriter tells an error of the disk from one of the body, and keeps
// io.Copy from the file's own ways of copying, which would not use the buffer.
type bodyWriter struct{ w io.Writer }

func (b bodyWriter) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	return n, wrote(err)
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// opener opens an object and its record, with or without its lock.
type opener func(key string) (*os.File, record, error)

func (s *Store) openFor(ctx context.Context) opener {
	return func(key string) (*os.File, record, error) { return s.open(ctx, key) }
}

func (s *Store) checkConditions(key string, opts PutOptions, open opener) error {
	if opts.IfAbsent {
		if _, err := s.stat(key); !errors.Is(err, ErrNotFound) {
			if err == nil {
				err = fmt.Errorf("%w: %q", ErrExists, key)
			}
			return err
		}
	}
	if opts.IfMatch != "" {
		f, rec, err := open(key)
		if err != nil {
			return err
		}
		f.Close()
		if rec.ETag != opts.IfMatch {
			return fmt.Errorf("%w: %q", errChanged, key)
		}
	}
	return nil
}

// commit makes a written file the object's content. The record's size and time
// are the file's.
func (s *Store) commit(key string, t *temp, rec record, opts PutOptions) (Info, error) {
	if err := t.sync(); err != nil {
		return Info{}, err
	}
	s.step("content written")
	defer s.objects.of(key)()
	if err := s.checkConditions(key, opts, s.openLocked); err != nil {
		return Info{}, err
	}
	var old []record
	if fi, err := s.stat(key); err == nil {
		if present, ok := s.readRecords(key).of(fi); ok {
			old = append(old, present)
		}
	}
	if err := t.stamp(&rec, old); err != nil {
		return Info{}, err
	}
	if err := s.writeRecords(key, append([]record{rec}, old...)...); err != nil {
		return Info{}, err
	}
	s.step("record written")
	if err := s.place(t, objectPath(key)); err != nil {
		return Info{}, err
	}
	return rec.info(key), nil
}

// stamp gives the record the size and time of the file, after making sure that
// no earlier content of the object had the same time.
func (t *temp) stamp(rec *record, old []record) error {
	fi, err := t.Stat()
	if err != nil {
		return err
	}
	if len(old) > 0 {
		last := time.Unix(0, old[0].ModTime)
		// Two contents can fall into one tick of the clock. Most file systems
		// keep finer times than it ticks, and two seconds are more than the
		// coarsest one's unit.
		for _, step := range []time.Duration{time.Microsecond, 2 * time.Second} {
			if fi.ModTime().After(last) {
				break
			}
			if fi, err = t.redate(last.Add(step)); err != nil {
				return err
			}
		}
	}
	rec.Size, rec.ModTime = fi.Size(), fi.ModTime().UnixNano()
	return nil
}

func (t *temp) redate(to time.Time) (fs.FileInfo, error) {
	if err := t.s.root.Chtimes(t.path, to, to); err != nil {
		return nil, err
	}
	if err := t.sync(); err != nil {
		return nil, err
	}
	return t.Stat()
}
