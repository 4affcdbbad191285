// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"io"
	"os"
)

// copyObject stores the content of one object under another key: with the
// content type and headers in opts if replace is set, else with the first one's.
func (s *Store) copyObject(ctx context.Context, from, to string, opts PutOptions, replace bool) (Info, error) {
	if err := checkKey(to); err != nil {
		return Info{}, err
	}
	src, rec, err := s.open(ctx, from)
	if err != nil {
		return Info{}, err
	}
	defer src.Close()
	if replace {
		rec.ContentType, rec.Headers = opts.ContentType, opts.Headers
	}
	t, err := s.newTemp()
	if err != nil {
		return Info{}, err
	}
	defer t.discard()
	if err := appendFile(ctx, t.File, src, rec.Size); err != nil {
		return Info{}, fmt.Errorf("copy %q: %w", from, err)
	}
	return s.commit(to, t, rec, opts)
}

// appendFile copies size bytes between files. The system does it without them
// passing through here (copy_file_range), sharing blocks where the file system
// can; in pieces, so that ctx can end it.
func appendFile(ctx context.Context, dst, src *os.File, size int64) error {
	const piece = 64 << 20
	for size > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := io.CopyN(dst, src, min(size, piece))
		if err != nil {
			return wrote(err)
		}
		size -= n
	}
	return nil
}
