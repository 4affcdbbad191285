// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"drydock/integration/flyte/objects/internal/keypath"
)

// A target is what a request is about: an object, the bucket, or with neither
// the list of buckets.
type target struct {
	method string
	bucket string
	key    string
	query  url.Values
}

// Query parameters that are understood. S3 has a hundred more, and many of
// them make something else of a request: PUT /b/k?tagging does not store k.
var (
	objectQuery = []string{"uploads", "uploadId", "partNumber", "max-parts", "part-number-marker", "encoding-type", "x-id",
		"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type", "response-expires"}
	bucketQuery = []string{"list-type", "prefix", "delimiter", "marker", "continuation-token", "start-after", "max-keys", "encoding-type", "fetch-owner",
		"delete", "location", "versioning", "uploads", "key-marker", "upload-id-marker", "max-uploads", "x-id"}
	methods = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete}
)

// parseTarget reads the request like the library does, and refuses what the
// library would misunderstand.
func parseTarget(r *http.Request) (target, error) {
	t := target{method: r.Method}
	t.bucket, t.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !slices.Contains(methods, r.Method) {
		return t, &apiError{http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource"}
	}
	var err error
	if t.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return t, badRequest("InvalidURI", "The query is malformed")
	}
	if t.bucket != Bucket && t.bucket != "" {
		return t, &apiError{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist; the only one is " + Bucket}
	}
	known := bucketQuery
	if t.key != "" {
		known = objectQuery
		err = checkTargetKey(t.key)
	}
	for name := range t.query {
		if !slices.Contains(known, name) {
			return t, notImplemented("The parameter " + name + " is not supported here")
		}
	}
	if err != nil {
		return t, err
	}
	return t, t.checkCombination()
}

func checkTargetKey(key string) error {
	if len(key) > keypath.MaxKey {
		return badRequest("KeyTooLongError", "Your key is too long")
	}
	return checkKey(key)
}

// checkCombination refuses what would fall through to an operation that was
// not meant: DELETE /b/k?uploadId= is not to delete k.
func (t target) checkCombination() error {
	switch {
	case t.query.Has("uploadId") && t.query.Get("uploadId") == "":
		return errNoUpload
	case t.query.Has("partNumber") && !t.storesPart():
		return notImplemented("partNumber is not supported here")
	case t.method == http.MethodPut && t.query.Has("uploadId") && !t.storesPart():
		return badRequest("InvalidArgument", "partNumber is missing")
	case t.method == http.MethodPost && t.key == "" && !t.query.Has("delete"):
		return notImplemented("Uploads of HTML forms are not supported")
	case t.key == "" && len(t.query.Get("prefix")) > keypath.MaxKey:
		return badRequest("InvalidArgument", "The prefix is longer than a key may be")
	}
	return nil
}

// reads is GET or HEAD of an object's content.
func (t target) reads() bool {
	return t.key != "" && (t.method == http.MethodGet || t.method == http.MethodHead) && !t.query.Has("uploadId") && !t.query.Has("uploads")
}

func (t target) storesPart() bool {
	return t.key != "" && t.method == http.MethodPut && t.query.Has("partNumber") && t.query.Has("uploadId")
}

// streams tells whether the body is an object's content.
func (t target) streams() bool { return t.key != "" && t.method == http.MethodPut }

// overrides are the headers that the client wants changed in the answer.
func (t target) overrides() map[string]string {
	headers := map[string]string{}
	for name := range t.query {
		if header, ok := strings.CutPrefix(name, "response-"); ok && t.query.Get(name) != "" {
			headers[http.CanonicalHeaderKey(header)] = t.query.Get(name)
		}
	}
	return headers
}
