// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"drydock/integration/flyte/objects/internal/sigv4"
)

// maxHeaders is how many bytes of headers an object can have, as in S3.
const maxHeaders = 2000

// SignedHandler serves the URLs that SignUpload and SignDownload make, below
// prefix, for example /objects/. Their paths survive http.ServeMux.
//
// GET and HEAD answer with the object, PUT stores it and answers 200 with its
// ETag, the same content again likewise. A browser shows what it gets in a
// sandbox without scripts.
func (s *Store) SignedHandler(prefix string) http.Handler {
	prefix = strings.TrimSuffix(prefix, "/") + "/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isolate(w.Header())
		if err := s.serveSigned(w, r, prefix); err != nil {
			s.refuse(w, r, err)
		}
	})
}

func (s *Store) serveSigned(w http.ResponseWriter, r *http.Request, prefix string) error {
	path, _ := strings.CutPrefix(r.URL.Path, prefix)
	key, params, err := s.checkURL(r, path)
	if err != nil {
		return err
	}
	// The signature is made for GET or PUT only.
	if r.Method == http.MethodPut {
		return s.receiveSigned(w, r, key, params)
	}
	return s.sendSigned(w, r, key, params)
}

func (s *Store) sendSigned(w http.ResponseWriter, r *http.Request, key string, params url.Values) error {
	content, info, err := s.Get(r.Context(), key)
	if err != nil {
		return err
	}
	defer content.Close()
	overrides := map[string]string{}
	if t := params.Get(paramType); t != "" {
		overrides["Content-Type"] = t
	}
	if name := params.Get(paramFilename); name != "" {
		overrides["Content-Disposition"] = mime.FormatMediaType("inline", map[string]string{"filename": name})
	}
	serveContent(w, r, content, info, overrides)
	return nil
}

func (s *Store) receiveSigned(w http.ResponseWriter, r *http.Request, key string, params url.Values) error {
	opts, err := uploadOptions(r, params)
	if err != nil {
		return err
	}
	info, err := s.Put(r.Context(), key, newBody(w, r, sigv4.Unsigned), opts)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", quote(info.ETag))
	return nil
}

// uploadOptions puts together what the client says of its upload and what the
// URL demands of it.
func uploadOptions(r *http.Request, params url.Values) (PutOptions, error) {
	opts := objectHeaders(r.Header)
	if headersSize(opts) > maxHeaders {
		return opts, badRequest("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	if r.ContentLength < 0 {
		return opts, errNoLength
	}
	opts.Size = r.ContentLength
	var err error
	if opts.MD5, err = contentMD5(r.Header); err != nil {
		return opts, err
	}
	if err := demand(&opts, params); err != nil {
		return opts, err
	}
	if opts.MaxSize > 0 && opts.Size > opts.MaxSize {
		return opts, fmt.Errorf("%w: %d bytes, and this URL is for at most %d", ErrTooLarge, opts.Size, opts.MaxSize)
	}
	return opts, nil
}

func demand(opts *PutOptions, params url.Values) error {
	if text := params.Get(paramMD5); text != "" {
		sum, err := hex.DecodeString(text)
		if err != nil || opts.MD5 != nil && !bytes.Equal(sum, opts.MD5) {
			return badRequest("BadDigest", "This URL is for content with another MD5 than Content-MD5 says")
		}
		opts.MD5 = sum
	}
	if text := params.Get(paramMax); text != "" {
		limit, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return badRequest("InvalidArgument", "The limit in this URL is not a number")
		}
		opts.MaxSize = limit
	}
	if t := params.Get(paramType); t != "" {
		opts.ContentType = t
	}
	return nil
}

func headersSize(opts PutOptions) int {
	n := len(opts.ContentType)
	for name, value := range opts.Headers {
		n += len(name) + len(value)
	}
	return n
}
