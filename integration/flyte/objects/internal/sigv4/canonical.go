// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text that both sides sign.
func canonicalRequest(r *http.Request, headers []string, payloadHash string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r.URL.EscapedPath()) + "\n" + query + "\n")
	for _, name := range headers {
		value, ok := headerValue(r, name)
		if !ok {
			return "", malformed("The signed header " + strconv.Quote(name) + " is not in the request")
		}
		b.WriteString(name + ":" + value + "\n")
	}
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + payloadHash)
	return b.String(), nil
}

// canonicalPath encodes each byte in AWS's way, whatever way the client chose
// on the wire. A slash that was sent as %2F stays one: clients sign the path
// as they send it.
func canonicalPath(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil { // net/http parsed it, so this cannot be
			text = segment
		}
		segments[i] = encode(text)
	}
	if path := strings.Join(segments, "/"); path != "" {
		return path
	}
	return "/"
}

func canonicalQuery(raw string) (string, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", &Error{Code: "InvalidURI", Message: "The query is malformed"}
	}
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			// The smallest byte of an encoded name is '%', the separator '='
			// is above it: sorting whole pairs would be a different order.
			pairs = append(pairs, encode(name)+"\x00"+encode(value))
		}
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "="), nil
}

// headerValue returns a header as it is signed: several values joined, runs of
// blanks made one. name is in lower case.
func headerValue(r *http.Request, name string) (string, bool) {
	if name == "host" {
		return r.Host, true
	}
	values := r.Header.Values(name)
	if name == "content-length" && len(values) == 0 && r.ContentLength >= 0 {
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	var trimmed []string
	for _, value := range values {
		trimmed = append(trimmed, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(trimmed, ","), len(values) > 0 && name == strings.ToLower(name)
}

// encode is AWS's UriEncode: everything but unreserved characters.
func encode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
		}
	}
	return b.String()
}
