// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"drydock/integration/flyte/objects"
)

// Objects is what the API needs of the object store. A missing object is an
// error that wraps objects.ErrNotFound.
type Objects interface {
	// Write stores an object, in the place of one that is there.
	Write(ctx context.Context, key string, data []byte) error
	// Read returns an object's content; one of more than limit bytes is an
	// error.
	Read(ctx context.Context, key string, limit int64) ([]byte, error)
	// MD5 returns the digest of an object's content, nil when it is not known.
	MD5(ctx context.Context, key string) ([]byte, error)

	// URI returns what clients and tasks call an object.
	URI(key string) string
	// Key is URI's inverse; an error says that the store has no such objects.
	Key(uri string) (string, error)

	// SignUpload returns a URL that takes an object by PUT, and headers for
	// it. base is the server's URL, without a path.
	SignUpload(base, key string, u Upload) (url string, headers map[string]string, err error)
	// SignDownload returns a URL that gives an object by GET.
	SignDownload(base, key string, expires time.Time) (url string, err error)
}

// Upload is what is known of an object before it comes. Zero fields are not
// known.
type Upload struct {
	Expires time.Time
	MD5     []byte
	Size    int64
}

func isAbsent(err error) bool { return errors.Is(err, objects.ErrNotFound) }

// Store makes an object store Objects. prefix is the path below which its
// SignedHandler is served.
func Store(s *objects.Store, prefix string) Objects {
	return stored{s, "/" + strings.Trim(prefix, "/")}
}

type stored struct {
	store  *objects.Store
	prefix string
}

func (s stored) Write(ctx context.Context, key string, data []byte) error {
	_, err := s.store.Put(ctx, key, bytes.NewReader(data), objects.PutOptions{})
	return err
}

func (s stored) Read(ctx context.Context, key string, limit int64) ([]byte, error) {
	data, _, err := s.store.GetBytes(ctx, key, limit)
	return data, err
}

func (s stored) MD5(ctx context.Context, key string) ([]byte, error) {
	info, err := s.store.Stat(ctx, key)
	return info.MD5, err
}

func (s stored) URI(key string) string { return objects.URI(key) }

func (s stored) Key(uri string) (string, error) { return objects.ParseURI(uri) }

func (s stored) SignUpload(base, key string, u Upload) (string, map[string]string, error) {
	return s.store.SignUpload(base+s.prefix, key, u.Expires, objects.UploadTerms{MD5: u.MD5, MaxSize: u.Size})
}

func (s stored) SignDownload(base, key string, expires time.Time) (string, error) {
	return s.store.SignDownload(base+s.prefix, key, expires, objects.DownloadTerms{})
}
