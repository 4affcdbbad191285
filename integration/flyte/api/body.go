// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxMessage is the most bytes of a message, compressed or not. Flyte's own
// server has the same limit for what a run may bring along.
const maxMessage = 64 << 20

// Connect's headers and flags (connectrpc.com/docs/protocol).
const (
	unaryEncoding  = "Content-Encoding"
	streamEncoding = "Connect-Content-Encoding"
	streamType     = "application/connect+"
	frameHeader    = 5 // flags, and the length in four bytes
	flagCompressed = 1
)

var (
	errTooLarge = invalid("the message is too large: %d MiB are possible", maxMessage>>20)
	errGzip     = invalid("the message is not valid gzip")
	errFrame    = invalid("the request is not one message in one frame")
)

// decode replaces the body of a Connect request by the same message
// uncompressed. connect-go would do it too, but answers RESOURCE_EXHAUSTED
// for a message that is too large, which a running task repeats without end,
// and unpacks such a message to its end first. Other protocols' bodies, and
// compressions that are not gzip, are left to it.
func decode(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.Method != http.MethodPost {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	stream := strings.HasPrefix(kind, streamType)
	header := unaryEncoding
	if stream {
		header = streamEncoding
	} else if kind != "application/proto" && kind != "application/json" {
		return nil
	}
	encoding := r.Header.Get(header)
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		return nil
	}
	body, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	if stream {
		body, err = decodeFrame(body, encoding, limit)
	} else if encoding == "gzip" {
		body, err = gunzip(body, limit)
	}
	if err != nil {
		return err
	}
	r.Header.Del(header)
	r.Header.Del("Content-Length")
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// readBody reads the whole body: methods have one message as their request,
// streams too.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit+frameHeader))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, invalid("the message did not arrive whole: %w", err)
	}
	return buf.Bytes(), nil
}

// decodeFrame unpacks the one frame of a stream's request.
func decodeFrame(body []byte, encoding string, limit int64) ([]byte, error) {
	if len(body) < frameHeader {
		return nil, errFrame
	}
	size := int64(binary.BigEndian.Uint32(body[1:]))
	switch {
	case size > limit:
		return nil, errTooLarge
	case size != int64(len(body)-frameHeader) || body[0] > flagCompressed:
		return nil, errFrame
	case body[0] == 0:
		return body, nil
	case encoding != "gzip":
		return nil, errGzip
	}
	message, err := gunzip(body[frameHeader:], limit)
	if err != nil {
		return nil, err
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(frame, message...), nil
}

// gunzip unpacks a message. One that has no gzip header is returned as it is:
// clients announce gzip for empty messages too.
func gunzip(data []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, errGzip
	}
	// Counted before it is kept: what is too large costs no memory.
	size, err := io.Copy(io.Discard, io.LimitReader(z, limit+1))
	switch {
	case err != nil:
		return nil, errGzip
	case size > limit:
		return nil, errTooLarge
	}
	if err := z.Reset(bytes.NewReader(data)); err != nil {
		return nil, errGzip
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(z, message); err != nil {
		return nil, errGzip
	}
	return message, nil
}
