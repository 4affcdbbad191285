// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestObjectOverHTTP(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum([]byte("hello"))))
	for _, key := range []string{"a/b/c.pb", "a/b", "/lead", "a//b/../c/", "sp ace/ü%/日本+x?y#z", strings.Repeat("k", 1024)} {
		r := c.want(c.do("PUT", at(key), "hello", "Content-Type", "text/x", "X-Amz-Meta-Foo", "bar", "Cache-Control", "no-cache"), 200, "")
		if r.Header.Get("ETag") != etag || r.Header.Get("Server") != "" || r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("PUT: %v", r.Header)
		}
		for _, method := range []string{"HEAD", "GET"} {
			r := c.want(c.do(method, at(key), ""), 200, "")
			for name, want := range map[string]string{"ETag": etag, "Content-Type": "text/x", "Content-Length": "5", "X-Amz-Meta-Foo": "bar", "Cache-Control": "no-cache",
				"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": contentPolicy} {
				if r.Header.Get(name) != want {
					t.Errorf("%s %q: %s: %s, want %s", method, key, name, r.Header.Get(name), want)
				}
			}
			if _, err := http.ParseTime(r.Header.Get("Last-Modified")); err != nil {
				t.Error(err)
			}
			if method == "GET" && r.body != "hello" {
				t.Errorf("GET %q: %q", key, r.body)
			}
		}
		wantContent(t, s, key, "hello")
	}
	c.want(c.do("DELETE", at("a/b"), ""), 204, "")
	c.want(c.do("DELETE", at("a/b"), ""), 204, "")
	c.want(c.do("GET", at("a/b"), ""), 404, "NoSuchKey")
	c.want(c.do("HEAD", at("a/b"), ""), 404, "")
}

func TestRanges(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	mustPut(t, s, "k", "0123456789")
	mustPut(t, s, "empty", "")
	tests := []struct {
		key, header string
		status      int
		body, is    string
	}{
		{"k", "bytes=0-9", 206, "0123456789", "bytes 0-9/10"},
		{"k", "bytes=3-4", 206, "34", "bytes 3-4/10"},
		{"k", "bytes=8-", 206, "89", "bytes 8-9/10"},
		{"k", "bytes=-3", 206, "789", "bytes 7-9/10"},
		{"k", "bytes=5-500", 206, "56789", "bytes 5-9/10"},
		{"k", "bytes=10-", 416, "", "bytes */10"},
		{"k", "bytes=x", 416, "", ""},
		{"empty", "bytes=0-", 200, "", ""},
	}
	for _, tt := range tests {
		r := c.do("GET", at(tt.key), "", "Range", tt.header)
		if r.StatusCode != tt.status || r.Header.Get("Content-Range") != tt.is || tt.status < 300 && r.body != tt.body {
			t.Errorf("%s %s: %d %q %q", tt.key, tt.header, r.StatusCode, r.Header.Get("Content-Range"), r.body)
		}
	}
}

func TestConditions(t *testing.T) {
	c := serve(t, newStore(t))
	etag := c.want(c.do("PUT", at("k"), "1", "If-None-Match", "*"), 200, "").Header.Get("ETag")
	c.want(c.do("PUT", at("k"), "2", "If-None-Match", "*"), 412, "PreconditionFailed")
	c.want(c.do("PUT", at("k"), "2", "If-None-Match", etag), 501, "NotImplemented")
	c.want(c.do("PUT", at("k"), "2", "If-Match", `"00"`), 412, "PreconditionFailed")
	c.want(c.do("GET", at("k"), "", "If-None-Match", etag), 304, "")
	c.want(c.do("PUT", at("k"), "2", "If-Match", etag), 200, "")
	c.want(c.do("GET", at("k"), "", "If-Match", etag), 412, "")
	c.want(c.do("PUT", at("e"), "encoded", "Content-Encoding", "x"), 200, "")
	if r := c.want(c.do("HEAD", at("e"), ""), 200, ""); r.Header.Get("Content-Length") != "7" || r.Header.Get("Content-Encoding") != "x" {
		t.Errorf("encoded content: %v", r.Header)
	}
	r := c.want(c.do("GET", at("k")+"?response-content-type=text%2Fy&response-content-disposition=attachment", ""), 200, "")
	if r.Header.Get("Content-Type") != "text/y" || r.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("overrides: %v", r.Header)
	}
}

func TestRefusals(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	mustPut(t, s, "k", "was here")
	md5of := func(text string) string {
		sum := md5.Sum([]byte(text))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	tests := []struct {
		method, target, body string
		headers              []string
		status               int
		code                 string
	}{
		{"PUT", at("k"), "new", []string{"Content-MD5", md5of("other")}, 400, "BadDigest"},
		{"PUT", at("k"), "new", []string{"Content-MD5", "x"}, 400, "InvalidDigest"},
		{"PUT", at("k"), "new", []string{"X-Amz-Meta-A", strings.Repeat("x", 3000)}, 400, "MetadataTooLarge"},
		{"PUT", at(strings.Repeat("k", 1025)), "new", nil, 400, "KeyTooLongError"},
		{"PUT", at("a\x00b"), "new", nil, 400, "InvalidArgument"},
		{"PUT", at("\xff"), "new", nil, 400, "InvalidArgument"},
		{"PUT", at("k") + "?tagging", "<Tagging/>", nil, 501, "NotImplemented"},
		{"PUT", at("k") + "?uploadId=", "x", nil, 404, "NoSuchUpload"},
		{"PUT", at("k") + "?uploadId=x", "x", nil, 400, "InvalidArgument"},
		{"PUT", at("k") + "?partNumber=1", "x", nil, 501, "NotImplemented"},
		{"PUT", at("k") + "?partNumber=1&uploadId=x", "x", nil, 404, "NoSuchUpload"},
		{"PUT", at("k") + "?partNumber=x&uploadId=x", "x", nil, 400, "InvalidArgument"},
		{"PUT", at("k") + "?partNumber=0&uploadId=x", "x", nil, 400, "InvalidPart"},
		{"PUT", at("k") + "?partNumber=1&uploadId=../../objects", "x", nil, 404, "NoSuchUpload"},
		{"GET", at("k") + "?partNumber=1", "", nil, 501, "NotImplemented"},
		{"GET", at("k") + "?versionId=1", "", nil, 501, "NotImplemented"},
		{"DELETE", at("k") + "?uploadId=", "", nil, 404, "NoSuchUpload"},
		{"DELETE", at("k") + "?uploadId=x", "", nil, 404, "NoSuchUpload"},
		{"POST", at("k"), "", nil, 400, "MethodNotAllowed"},
		{"PATCH", at("k"), "", nil, 405, "MethodNotAllowed"},
		{"OPTIONS", at("k"), "", []string{"Origin", "http://x", "Access-Control-Request-Method", "PUT"}, 405, "MethodNotAllowed"},
		{"POST", "/drydock", "form", nil, 501, "NotImplemented"},
		{"POST", "/drydock?delete", "not XML", nil, 400, "MalformedXML"},
		{"POST", "/drydock?delete", strings.Repeat(" ", maxDocument+1), nil, 400, "MaxMessageLengthExceeded"},
		{"POST", "/drydock?delete", "<Delete>" + strings.Repeat("<Object><Key>x</Key></Object>", 1001) + "</Delete>", nil, 400, "MalformedXML"},
		{"GET", "/drydock?acl", "", nil, 501, "NotImplemented"},
		{"GET", "/drydock?list-type=2&prefix=" + strings.Repeat("x", 1025), "", nil, 400, "InvalidArgument"},
		{"GET", "/drydock?list-type=2&continuation-token=%21", "", nil, 400, "InvalidToken"},
		{"GET", "/drydock?list-type=2&max-keys=x", "", nil, 400, "InvalidArgument"},
		{"GET", "/other", "", nil, 404, "NoSuchBucket"},
		{"PUT", "/other/k", "x", nil, 404, "NoSuchBucket"},
		{"PUT", "/drydock", "", nil, 409, "BucketAlreadyExists"},
		{"DELETE", "/drydock", "", []string{"X-Minio-Force-Delete", "true"}, 403, "AccessDenied"},
		{"PUT", at("c"), "", []string{"X-Amz-Copy-Source", "/other/k"}, 404, "NoSuchBucket"},
		{"PUT", at("c"), "", []string{"X-Amz-Copy-Source", "/drydock/none"}, 404, "NoSuchKey"},
		{"PUT", at("c"), "", []string{"X-Amz-Copy-Source", "x"}, 400, "InvalidArgument"},
		{"PUT", at("c"), "", []string{"X-Amz-Copy-Source", "/drydock/%00"}, 400, "InvalidArgument"},
	}
	for _, tt := range tests {
		c.want(c.do(tt.method, tt.target, tt.body, tt.headers...), tt.status, tt.code)
	}
	wantContent(t, s, "k", "was here")
	list, _, err := s.List(context.Background(), "", "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("there is more than k now: %q, %v", keysOf(list), err)
	}
	wantNoLeftovers(t, s)
}

type listing struct {
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct {
		Key, ETag, LastModified string
		Size                    int64
	}
	CommonPrefixes []struct{ Prefix string }
}

func (c client) list(query string) (listing, []string) {
	c.t.Helper()
	r := c.want(c.do("GET", "/drydock?list-type=2"+query, ""), 200, "")
	if r.Header.Get("Content-Type") != "application/xml" {
		c.t.Errorf("content type %s", r.Header.Get("Content-Type"))
	}
	var l listing
	if err := xml.Unmarshal([]byte(r.body), &l); err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for _, o := range l.Contents {
		names = append(names, o.Key)
		if _, err := time.Parse(time.RFC3339, o.LastModified); err != nil || !strings.HasPrefix(o.ETag, `"`) {
			c.t.Errorf("%+v, %v", o, err)
		}
	}
	for _, p := range l.CommonPrefixes {
		names = append(names, p.Prefix)
	}
	return l, names
}

func TestListOverHTTP(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	for _, key := range []string{"p/1", "p/2", "p/d/x", "p/d/y", "p/e/x", "p/<&>\n", "q"} {
		mustPut(t, s, key, key)
	}
	tests := []struct {
		query string
		want  []string
		more  bool
	}{
		{"", []string{"p/1", "p/2", "p/<&>\n", "p/d/x", "p/d/y", "p/e/x", "q"}, false},
		{"&prefix=p%2F&delimiter=%2F", []string{"p/1", "p/2", "p/<&>\n", "p/d/", "p/e/"}, false},
		{"&prefix=p%2F&delimiter=%2F&max-keys=4", []string{"p/1", "p/2", "p/<&>\n", "p/d/"}, true},
		{"&prefix=p%2Fd", []string{"p/d/x", "p/d/y"}, false},
		{"&start-after=p%2Fd%2Fx", []string{"p/d/y", "p/e/x", "q"}, false},
		{"&max-keys=0", nil, false},
		{"&max-keys=5000&prefix=q", []string{"q"}, false},
		{"&prefix=none", nil, false},
	}
	for _, tt := range tests {
		l, names := c.list(tt.query)
		if !slices.Equal(names, tt.want) || l.IsTruncated != tt.more || (l.NextContinuationToken != "") != tt.more {
			t.Errorf("%s: %q, %+v", tt.query, names, l)
		}
	}
	l, _ := c.list("&prefix=p%2F&delimiter=%2F&max-keys=4")
	if _, names := c.list("&prefix=p%2F&delimiter=%2F&continuation-token=" + escape(l.NextContinuationToken, "")); !slices.Equal(names, []string{"p/e/"}) {
		t.Errorf("the second page: %q", names)
	}
	for _, target := range []string{"/", "/drydock?location", "/drydock?versioning", "/drydock?uploads", "/drydock/?prefix=q"} {
		c.want(c.do("GET", target, ""), 200, "")
	}
	c.want(c.do("HEAD", "/drydock", ""), 200, "")
	r := c.want(c.do("POST", "/drydock?delete", "<Delete><Object><Key>p/&lt;&amp;&gt;&#xA;</Key></Object><Object><Key>none</Key></Object></Delete>"), 200, "")
	if strings.Count(r.body, "<Deleted>") != 2 {
		t.Errorf("delete: %s", r.body)
	}
	wantAbsent(t, s, "p/<&>\n")
}

func TestCopy(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	c.want(c.do("PUT", at("a b/+%"), "hello", "Content-Type", "text/x", "X-Amz-Meta-A", "1"), 200, "")
	c.want(c.do("PUT", at("c"), "", "X-Amz-Copy-Source", at("a b/+%")), 200, "")
	if info, err := s.Stat(context.Background(), "c"); err != nil || info.ContentType != "text/x" || info.Headers["X-Amz-Meta-A"] != "1" {
		t.Errorf("%+v, %v", info, err)
	}
	c.want(c.do("PUT", at("c"), "", "X-Amz-Copy-Source", at("a b/+%"), "X-Amz-Metadata-Directive", "REPLACE", "Content-Type", "text/y"), 200, "")
	if info, err := s.Stat(context.Background(), "c"); err != nil || info.ContentType != "text/y" || len(info.Headers) > 0 {
		t.Errorf("%+v, %v", info, err)
	}
	wantContent(t, s, "c", "hello")
	c.want(c.do("PUT", at("c"), "", "X-Amz-Copy-Source", at("c")), 200, "")
	c.want(c.do("PUT", at("c"), "", "X-Amz-Copy-Source", at("a b/+%"), "If-None-Match", "*"), 412, "PreconditionFailed")
	wantContent(t, s, "c", "hello")
}

// A refused body is never taken for the next request of the connection, and
// the client gets to read why it was refused.
func TestRefusedBody(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, "k", "was here")
	c := serve(t, s)
	smuggled := strings.Repeat("GET /drydock/k HTTP/1.1\r\nHost: x\r\n\r\n", 30000)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	requests := []struct {
		headers []string
		status  int
	}{
		{[]string{"If-None-Match", "*"}, 412},
		{[]string{"Authorization", "none"}, 400},
		{[]string{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}, 400},
		{nil, 200},
	}
	for _, req := range requests {
		r, err := http.NewRequest("PUT", c.url+"/drydock/k", strings.NewReader(smuggled))
		if err != nil {
			t.Fatal(err)
		}
		sign(r, c.keys, time.Now(), "UNSIGNED-PAYLOAD")
		for i := 0; i < len(req.headers); i += 2 {
			r.Header.Set(req.headers[i], req.headers[i+1])
		}
		if err := r.Write(conn); err != nil {
			t.Fatalf("%v: the connection was closed under the body: %v", req.headers, err)
		}
		resp, err := http.ReadResponse(in, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != req.status {
			t.Errorf("%v: %d, %v, want %d", req.headers, resp.StatusCode, err, req.status)
		}
	}
	wantContent(t, s, "k", smuggled)
}
