// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"time"

	"drydock/integration/flyte/objects/internal/sigv4"
)

const (
	// bodyIdle is how long a client may pause in the middle of a body.
	bodyIdle = time.Minute

	// maxDocument is for bodies that are XML: the list of 10,000 parts, or of
	// 1,000 keys, needs less.
	maxDocument = 4 << 20

	// What is read of a body that is refused, see drain.
	drainSize = 256 << 20
	drainTime = 30 * time.Second
)

// A body is a request's, checked while it is read: a client that stops sending
// does not hold on to a goroutine for ever, and the content must have the hash
// that was signed, or its last Read fails.
//
// It stands in a copy of the server's request: the server looks at its own
// request's body to know whether the connection is at the beginning of another
// request, and would take the rest of a body for one if it did not find the
// body that it made.
type body struct {
	io.Reader
	control *http.ResponseController
	hash    hash.Hash // nil if no hash was signed
	want    string
}

func newBody(w http.ResponseWriter, r *http.Request, payloadHash string) *body {
	b := &body{Reader: r.Body, control: http.NewResponseController(w), want: payloadHash}
	if payloadHash != sigv4.Unsigned {
		b.hash = sha256.New()
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	b.control.SetReadDeadline(time.Now().Add(bodyIdle)) // some writers cannot, such as tests'
	n, err := b.Reader.Read(p)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if err != nil {
		// The server goes on reading, to notice when the client goes away.
		b.control.SetReadDeadline(time.Time{})
	}
	if err == io.EOF && b.hash != nil && hex.EncodeToString(b.hash.Sum(nil)) != b.want {
		err = badRequest("XAmzContentSHA256Mismatch", "The provided x-amz-content-sha256 header does not match what was computed")
	}
	return n, err
}

// Close leaves the body to the server, which closes it in any case: the library
// does not read on when it refuses a request, and drain shall.
func (b *body) Close() error { return nil }

// document reads a body that is XML as a whole, so that its hash is checked
// before anything is done about it: a parser would stop at the end of the
// document and not of the body.
func document(w http.ResponseWriter, r *http.Request) (io.ReadCloser, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, badRequest("MaxMessageLengthExceeded", "Your request was too big")
	}
	return io.NopCloser(bytes.NewReader(data)), err
}

// contentMD5 returns the 16 bytes of a Content-MD5 header, nil without one.
func contentMD5(h http.Header) ([]byte, error) {
	if len(h.Values("Content-Md5")) == 0 {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(h.Get("Content-Md5"))
	if err != nil || len(sum) != 16 {
		return nil, badRequest("InvalidDigest", "The Content-MD5 you specified is not valid")
	}
	return sum, nil
}

// drain reads the body of a request that is about to be refused. Few clients
// look for an answer before they have sent everything: closing the connection
// under them would look like a fault of the network, and they would try again
// instead of telling why. A client that waits for 100 Continue is not one of
// them.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Header.Get("Expect") != "" {
		return
	}
	var rest io.Reader = r.Body
	if b, ok := rest.(*body); ok {
		rest = b.Reader // with one deadline for everything
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(drainTime))
	io.CopyN(io.Discard, rest, drainSize)
	control.SetReadDeadline(time.Time{})
}
