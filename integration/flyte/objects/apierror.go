// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/johannesboyne/gofakes3"

	"drydock/integration/flyte/objects/internal/sigv4"
)

// An apiError is an answer in S3's terms.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func badRequest(code, message string) error {
	return &apiError{http.StatusBadRequest, code, message}
}

func notImplemented(message string) error {
	return &apiError{http.StatusNotImplemented, "NotImplemented", message}
}

var apiErrors = []struct {
	err    error
	status int
	code   string
}{
	{errDenied, http.StatusForbidden, "AccessDenied"},
	{ErrNotFound, http.StatusNotFound, "NoSuchKey"},
	{errNoUpload, http.StatusNotFound, "NoSuchUpload"},
	{ErrInvalidKey, http.StatusBadRequest, "InvalidArgument"},
	{ErrExists, http.StatusPreconditionFailed, "PreconditionFailed"},
	{errChanged, http.StatusPreconditionFailed, "PreconditionFailed"},
	{ErrDigest, http.StatusBadRequest, "BadDigest"},
	{ErrIncomplete, http.StatusBadRequest, "IncompleteBody"},
	{ErrTooLarge, http.StatusBadRequest, "EntityTooLarge"},
	{ErrNoSpace, http.StatusInsufficientStorage, "InsufficientStorage"},
	{errPart, http.StatusBadRequest, "InvalidPart"},
	{errPartOrder, http.StatusBadRequest, "InvalidPartOrder"},
	// The SDK repeats an upload that is answered so.
	{os.ErrDeadlineExceeded, http.StatusBadRequest, "RequestTimeout"},
	{io.ErrUnexpectedEOF, http.StatusBadRequest, "IncompleteBody"},
	{context.Canceled, http.StatusBadRequest, "RequestTimeout"},
}

// explain finds the answer for an error. What is not the client's business is
// logged instead of told.
func (s *Store) explain(err error) *apiError {
	if known := new(apiError); errors.As(err, &known) {
		return known
	}
	if refused := new(sigv4.Error); errors.As(err, &refused) {
		return &apiError{refusalStatus(refused.Code), refused.Code, refused.Message}
	}
	if library := gofakes3.Error(nil); errors.As(err, &library) {
		return &apiError{library.ErrorCode().Status(), string(library.ErrorCode()), library.Error()}
	}
	for _, known := range apiErrors {
		if errors.Is(err, known.err) {
			if known.status == http.StatusInsufficientStorage {
				s.opts.Log.Error("object store", "error", err)
				err = known.err // no paths for clients
			}
			return &apiError{known.status, known.code, err.Error()}
		}
	}
	s.opts.Log.Error("object store", "error", err)
	return &apiError{http.StatusInternalServerError, "InternalError", "The object store failed; its log says how"}
}

func refusalStatus(code string) int {
	switch code {
	case "AuthorizationHeaderMalformed", "InvalidArgument", "InvalidURI":
		return http.StatusBadRequest
	case "NotImplemented":
		return http.StatusNotImplemented
	default:
		return http.StatusForbidden
	}
}

// errorBody is S3's form of an error.
type errorBody struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// refuse answers with an error.
func (s *Store) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := s.explain(err)
	drain(w, r)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	if r.Method == http.MethodHead {
		return
	}
	body, err := xml.Marshal(errorBody{Code: e.code, Message: e.message})
	if err != nil { // two strings always can be
		return
	}
	io.WriteString(w, xml.Header)
	w.Write(body)
}
