// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
)

// completeUpload makes the object of the parts, in this order, and returns its
// ETag. Completing an upload again gives the same answer: the first one may
// have been lost on its way. Until it is done the disk holds the content twice,
// unless the file system can share blocks.
func (s *Store) completeUpload(ctx context.Context, key, id string, parts []part) (etag string, err error) {
	defer s.uploads.of(id)()
	u, err := s.readUpload(id)
	if err != nil {
		return "", err
	}
	etag, err = uploadETag(parts)
	if err != nil {
		return "", err
	}
	if u.Done != "" && u.Done == etag && u.Key == key {
		return etag, nil
	}
	if _, err := s.openUpload(key, id); err != nil {
		return "", err
	}
	t, err := s.newTemp()
	if err != nil {
		return "", err
	}
	defer t.discard()
	for _, p := range parts {
		if err := s.appendPart(ctx, t, id, p); err != nil {
			return "", err
		}
	}
	if _, err := s.commit(key, t, record{ETag: etag, ContentType: u.ContentType, Headers: u.Headers}, PutOptions{}); err != nil {
		return "", err
	}
	s.step("upload completed")
	s.finishUpload(id, u, etag)
	return etag, nil
}

// uploadETag returns the ETag that S3 gives an object made of these parts.
func uploadETag(parts []part) (string, error) {
	if len(parts) == 0 {
		return "", fmt.Errorf("%w: there are none", errPart)
	}
	h := md5.New()
	last := 0
	for _, p := range parts {
		sum, err := hex.DecodeString(p.md5)
		if err != nil || len(sum) != md5.Size || p.md5 != hex.EncodeToString(sum) {
			return "", fmt.Errorf("%w: part %d", errPart, p.number)
		}
		if p.number <= last {
			return "", errPartOrder
		}
		last = p.number
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts)), nil
}

func (s *Store) appendPart(ctx context.Context, t *temp, id string, p part) error {
	f, fi, err := s.openPath(uploadDir(id) + "/" + p.file())
	if absent(err) {
		return fmt.Errorf("%w: part %d", errPart, p.number)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return appendFile(ctx, t.File, f, fi.Size())
}

// finishUpload keeps the answer and frees the space of the parts. The object is
// there already, so what fails is only cleaned up later.
func (s *Store) finishUpload(id string, u upload, etag string) {
	u.Done = etag
	err := s.writeUpload(id, u)
	var names []os.DirEntry
	if err == nil {
		names, err = s.readDir(uploadDir(id))
	}
	for _, f := range names {
		if f.Name() != uploadFile && err == nil {
			err = s.root.Remove(uploadDir(id) + "/" + f.Name())
		}
	}
	if err != nil {
		s.opts.Log.Error("finish an upload", "upload", id, "error", err)
	}
}
