// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The examples of "Signature Calculations for the Authorization Header" in the
// Amazon S3 API reference.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleDate   = "20130524T000000Z"
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

type example struct {
	method, target, signature string
	headers                   map[string]string
}

func examples() map[string]example {
	return map[string]example{
		"get": {"GET", "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			map[string]string{"range": "bytes=0-9", "x-amz-content-sha256": emptyHash, "x-amz-date": exampleDate}},
		"put": {"PUT", "/test$file.text", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			map[string]string{"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY", "x-amz-date": exampleDate,
				"x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}},
		"lifecycle": {"GET", "/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
			map[string]string{"x-amz-content-sha256": emptyHash, "x-amz-date": exampleDate}},
		"list": {"GET", "/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
			map[string]string{"x-amz-content-sha256": emptyHash, "x-amz-date": exampleDate}},
	}
}

func (e example) request() *http.Request {
	r := httptest.NewRequest(e.method, e.target, nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	names := "host"
	for _, name := range []string{"date", "range", "x-amz-content-sha256", "x-amz-date", "x-amz-storage-class"} {
		value, ok := e.headers[name]
		if !ok {
			continue
		}
		r.Header.Set(name, value)
		if name < "host" {
			names = name + ";" + names
		} else {
			names += ";" + name
		}
	}
	r.Header.Set("Authorization", algorithm+" Credential="+exampleKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+names+",Signature="+e.signature)
	return r
}

func verify(r *http.Request, secret string, now time.Time) error {
	claim, err := Parse(r)
	if err != nil {
		return err
	}
	return claim.Verify(r, secret, now)
}

func TestExamples(t *testing.T) {
	for name, e := range examples() {
		if err := verify(e.request(), exampleSecret, exampleTime.Add(10*time.Minute)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	auth := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		secret string
		now    time.Time
		code   string
	}{
		{name: "unsigned", change: func(r *http.Request) { r.Header.Del("Authorization") }, code: "AccessDenied"},
		{name: "another scheme", change: header("Authorization", "Bearer x"), code: "AuthorizationHeaderMalformed"},
		{name: "nothing in it", change: header("Authorization", algorithm+" "), code: "AuthorizationHeaderMalformed"},
		{name: "another method", change: func(r *http.Request) { r.Method = "DELETE" }, code: "SignatureDoesNotMatch"},
		{name: "another path", change: func(r *http.Request) { r.URL.Path = "/other.txt" }, code: "SignatureDoesNotMatch"},
		{name: "another query", change: func(r *http.Request) { r.URL.RawQuery = "uploads" }, code: "SignatureDoesNotMatch"},
		{name: "another host", change: func(r *http.Request) { r.Host = "elsewhere" }, code: "SignatureDoesNotMatch"},
		{name: "another signed header", change: header("Range", "bytes=0-99"), code: "SignatureDoesNotMatch"},
		{name: "another payload", change: header("X-Amz-Content-Sha256", Unsigned), code: "SignatureDoesNotMatch"},
		{name: "another signature", change: auth("Signature=f0", "Signature=f1"), code: "SignatureDoesNotMatch"},
		{name: "short signature", change: auth("Signature=f0", "Signature="), code: "AuthorizationHeaderMalformed"},
		{name: "another region", change: auth("us-east-1", "eu-west-1"), code: "SignatureDoesNotMatch"},
		{name: "another service", change: auth("/s3/", "/ec2/"), code: "AuthorizationHeaderMalformed"},
		{name: "another day", change: auth("/20130524/", "/20130525/"), code: "AuthorizationHeaderMalformed"},
		{name: "host unsigned", change: auth("SignedHeaders=host;", "SignedHeaders="), code: "AuthorizationHeaderMalformed"},
		{name: "signed header missing", change: func(r *http.Request) { r.Header.Del("Range") }, code: "AuthorizationHeaderMalformed"},
		{name: "header names in capitals", change: auth("range", "Range"), code: "AuthorizationHeaderMalformed"},
		{name: "a header smuggled in", change: header("X-Amz-Copy-Source", "/b/secret"), code: "AccessDenied"},
		{name: "no date", change: header("X-Amz-Date", ""), code: "AccessDenied"},
		{name: "no payload hash", change: header("X-Amz-Content-Sha256", ""), code: "InvalidArgument"},
		{name: "chunks", change: header("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), code: "NotImplemented"},
		{name: "bad query", change: func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, code: "InvalidURI"},
		{name: "another secret", secret: "guess", code: "SignatureDoesNotMatch"},
		{name: "too old", now: exampleTime.Add(MaxSkew + time.Second), code: "RequestTimeTooSkewed"},
		{name: "from the future", now: exampleTime.Add(-MaxSkew - time.Second), code: "RequestTimeTooSkewed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := examples()["get"].request()
			if tt.change != nil {
				tt.change(r)
			}
			if tt.secret == "" {
				tt.secret = exampleSecret
			}
			if tt.now.IsZero() {
				tt.now = exampleTime
			}
			var refused *Error
			if err := verify(r, tt.secret, tt.now); !errors.As(err, &refused) || refused.Code != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

func TestCanonical(t *testing.T) {
	paths := []struct{ wire, want string }{
		{"", "/"},
		{"/", "/"},
		{"/b/a%20b/c+d", "/b/a%20b/c%2Bd"},
		{"/b//x/", "/b//x/"},
		{"/b/a%2Fb%2e%2E", "/b/a%2Fb.."},
		{"/b/ä~(1)", "/b/%C3%A4~%281%29"},
	}
	for _, tt := range paths {
		if got := canonicalPath(tt.wire); got != tt.want {
			t.Errorf("path %q: %q, want %q", tt.wire, got, tt.want)
		}
	}
	queries := []struct{ wire, want string }{
		{"", ""},
		{"uploads", "uploads="},
		{"prefix=a%2Fb&delimiter=/", "delimiter=%2F&prefix=a%2Fb"},
		{"p=x+y&p=%2B", "p=%2B&p=x%20y"},
		{"ab=1&a=2&a-b=3", "a=2&a-b=3&ab=1"},
	}
	for _, tt := range queries {
		if got, err := canonicalQuery(tt.wire); err != nil || got != tt.want {
			t.Errorf("query %q: %q, %v, want %q", tt.wire, got, err, tt.want)
		}
	}
}
