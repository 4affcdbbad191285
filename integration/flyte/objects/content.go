// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// keptHeaders are stored with an object and sent with it, besides its content
// type and X-Amz-Meta-….
var keptHeaders = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language"}

// objectHeaders picks the headers of a request that are the object's.
func objectHeaders(h http.Header) PutOptions {
	opts := PutOptions{ContentType: h.Get("Content-Type")}
	for name, values := range h {
		if slices.Contains(keptHeaders, name) || strings.HasPrefix(name, "X-Amz-Meta-") {
			if opts.Headers == nil {
				opts.Headers = map[string]string{}
			}
			opts.Headers[name] = strings.Join(values, ",")
		}
	}
	return opts
}

// isolate makes sure that an object, which a task wrote, is to a browser what
// its content type says, and that a page gets at nothing that belongs to the
// server it came from.
func isolate(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", contentPolicy)
}

// serveContent answers GET and HEAD with an object, or the ranges of it that
// are asked for, under the conditions that the request sets.
func serveContent(w http.ResponseWriter, r *http.Request, content Content, info Info, overrides map[string]string) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if info.ContentType != "" {
		h.Set("Content-Type", info.ContentType)
	}
	for name, value := range maps.All(info.Headers) {
		h.Set(name, value)
	}
	for name, value := range maps.All(overrides) {
		h.Set(name, value)
	}
	h.Set("ETag", quote(info.ETag))
	isolate(h)
	if h.Get("Content-Encoding") != "" && r.Header.Get("If-Match") == "" && r.Header.Get("If-Unmodified-Since") == "" {
		// ServeContent leaves the length out of encoded content, in case
		// somebody else did the encoding. S3 clients need it.
		h.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	}
	http.ServeContent(w, r, "", info.ModTime, content)
}

func quote(etag string) string { return `"` + etag + `"` }

func unquote(etag string) string { return strings.Trim(etag, `"`) }

// contentPolicy is for objects that a browser shows, such as a task's report:
// its scripts (charts) run in an origin of their own, with no way to this
// server or to send anything on.
const contentPolicy = "sandbox allow-scripts; default-src https: data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'none'; form-action 'none'; frame-src 'none'; base-uri 'none'"
