// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/johannesboyne/gofakes3"
)

// S3Handler serves the store as S3, with path-style URLs: /drydock/<key>. It
// must get the request's path as it came: http.ServeMux redirects paths with
// // or .. in them, so call it before one, for "/" + Bucket and what begins with
// "/" + Bucket + "/".
//
// Requests are signed (AWS Signature Version 4 in the Authorization header)
// with the store's key pair, one of Options.Keys, or one that Options.Authorize
// knows. Bodies that are signed in chunks are refused; clients do that only
// when told to, or over TLS.
func (s *Store) S3Handler() http.Handler { return http.HandlerFunc(s.serveS3) }

func (s *Store) serveS3(w http.ResponseWriter, r *http.Request) {
	isolate(w.Header())
	a, payloadHash, err := s.authenticate(r)
	if err == nil {
		r = r.WithContext(r.Context()) // a copy, see body
		r.Body = newBody(w, r, payloadHash)
		err = s.dispatch(w, r, a)
	}
	if err != nil {
		s.refuse(w, r, err)
	}
}

// dispatch does what the request asks for. It answers itself unless it returns
// an error.
//
// The library reads and writes S3's XML and decides which operation is meant.
// Three operations are done here in front of it: GET and HEAD, because its
// ETags are 16 bytes in hex, which those of multipart uploads are not, and
// because after a failed read it appends the error to the content; and the
// upload of a part, because it refuses empty ones, which the SDK's client sends
// for an empty stream. It would buffer nothing in these three, and buffers
// nothing elsewhere as long as there is a MultipartBackend and no form upload.
func (s *Store) dispatch(w http.ResponseWriter, r *http.Request, a access) error {
	t, err := parseTarget(r)
	if err != nil {
		return err
	}
	switch {
	case t.reads():
		return s.serveObject(w, r, a, t)
	case t.storesPart():
		return s.servePart(w, r, a, t)
	case !t.streams():
		if r.Body, err = document(w, r); err != nil {
			return err
		}
	case r.ContentLength < 0:
		return errNoLength
	}
	s.serveLibrary(w, r, a)
	return nil
}

var errNoLength = &apiError{http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header"}

// serveObject answers GET and HEAD of an object.
func (s *Store) serveObject(w http.ResponseWriter, r *http.Request, a access, t target) error {
	if !a.mayRead(t.key) {
		return fmt.Errorf("%w: this key pair may not read %q", errDenied, t.key)
	}
	content, info, err := s.Get(r.Context(), t.key)
	if err != nil {
		return err
	}
	defer content.Close()
	serveContent(w, r, content, info, t.overrides())
	return nil
}

// servePart stores a part of a multipart upload.
func (s *Store) servePart(w http.ResponseWriter, r *http.Request, a access, t target) error {
	if !a.mayWrite(t.key) {
		return fmt.Errorf("%w: this key pair may not write %q", errDenied, t.key)
	}
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		return notImplemented("Parts that are copies are not supported")
	}
	if r.ContentLength < 0 {
		return errNoLength
	}
	number, err := strconv.Atoi(t.query.Get("partNumber"))
	if err != nil {
		return badRequest("InvalidArgument", "partNumber must be a number")
	}
	sum, err := contentMD5(r.Header)
	if err != nil {
		return err
	}
	etag, err := s.putPart(r.Context(), t.key, t.query.Get("uploadId"), number, r.Body, PutOptions{MD5: sum, Size: r.ContentLength})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", quote(etag))
	return nil
}

// serveLibrary lets the library answer. It gets a backend of its own for every
// request, as its interface knows neither who asks nor for how long.
func (s *Store) serveLibrary(w http.ResponseWriter, r *http.Request, a access) {
	b := &backend{s: s, r: r, a: a}
	library := gofakes3.New(b,
		gofakes3.WithTimeSkewLimit(0), // the signature's check is stricter
		gofakes3.WithRequestID(s.requests.Add(1)),
		gofakes3.WithLogger(libraryLog{b}))
	answer := &answer{ResponseWriter: w, b: b}
	library.Server().ServeHTTP(answer, r)
	answer.tidy()
}

// answer puts the library's answers right.
type answer struct {
	http.ResponseWriter
	b    *backend
	sent bool
}

// tidy removes what the library adds and this server is not: open to pages of
// any origin, and Amazon's.
func (a *answer) tidy() {
	if a.sent {
		return
	}
	a.sent = true
	a.Header().Del("Access-Control-Allow-Origin")
	a.Header().Del("Server")
}

// WriteHeader knows the status of codes that the library has not heard of.
func (a *answer) WriteHeader(status int) {
	a.tidy()
	if status >= 400 {
		drain(a.ResponseWriter, a.b.r)
		a.Header().Set("Content-Type", "application/xml") // the library is too late with it
		if a.b.status != 0 {
			status = a.b.status
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.sent {
		a.tidy()
		a.Header().Set("Content-Type", "application/xml")
	}
	return a.ResponseWriter.Write(p)
}

// libraryLog passes on the library's own failures; the backend's are logged.
type libraryLog struct{ b *backend }

func (l libraryLog) Print(level gofakes3.LogLevel, v ...any) {
	if level == gofakes3.LogErr && l.b.status == 0 {
		l.b.s.opts.Log.Error("object store", "error", fmt.Sprint(v...))
	}
}
