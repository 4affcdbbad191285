// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fuzzStore is a store with a neighbour that nobody may touch. check says that
// nobody did.
func fuzzStore(f *testing.F, opts Options) (s *Store, check func(*testing.T)) {
	f.Helper()
	parent := f.TempDir()
	canary := filepath.Join(parent, "canary")
	if err := os.WriteFile(canary, []byte("alive"), 0o600); err != nil {
		f.Fatal(err)
	}
	s = openStore(f, filepath.Join(parent, "store"), opts)
	return s, func(t *testing.T) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(parent, "*"))
		if err != nil || len(names) != 2 {
			t.Errorf("beside the store: %q, %v", names, err)
		}
		if data, err := os.ReadFile(canary); err != nil || string(data) != "alive" {
			t.Errorf("the canary is %q, %v", data, err)
		}
		wantNoLeftovers(t, s)
	}
}

// hostileRequest is one as a server would hand it over, or nil if no server
// would.
func hostileRequest(method, target, headers, body string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") {
		return nil
	}
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(headers + "\r\n\r\n"))).ReadMIMEHeader()
	if err != nil {
		return nil
	}
	r := &http.Request{Method: method, URL: u, RequestURI: target, Host: "h", Header: http.Header(h), ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
	r.Header.Set("Content-Length", textproto.TrimString(r.Header.Get("Content-Length")))
	return r
}

// Whatever is asked, signed or not, by somebody who may do everything or
// little, the answer is one of HTTP's and the store stays within itself.
func FuzzS3Request(f *testing.F) {
	s, check := fuzzStore(f, Options{Authorize: func(accessKey string) (Grant, bool) {
		return Grant{Read: []string{"a"}, Write: []string{"b"}}, accessKey == "RUNx"
	}})
	run, err := s.Credentials("x")
	if err != nil {
		f.Fatal(err)
	}
	id, err := s.beginUpload("b/m", PutOptions{})
	if err != nil {
		f.Fatal(err)
	}
	secret := mustPut(f, s, "secret/x", "kept from those who may do little")
	for _, seed := range [][4]string{
		{"PUT", "/drydock/a/b", "Content-Type: text/plain\r\nContent-Length: 5", "hello"},
		{"GET", "/drydock/a/b", "Range: bytes=0-1", ""},
		{"HEAD", "/drydock/a/b", "", ""},
		{"DELETE", "/drydock/a/b", "", ""},
		{"PUT", "/drydock/b/../../c", "X-Amz-Copy-Source: /drydock/secret/x", ""},
		{"PUT", "/drydock/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "", "x"},
		{"POST", "/drydock/b/m?uploads=", "", ""},
		{"PUT", "/drydock/b/m?partNumber=1&uploadId=" + id, "Content-Length: 1", "x"},
		{"POST", "/drydock/b/m?uploadId=" + id, "", "<CompleteMultipartUpload><Part><ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"},
		{"GET", "/drydock/b/m?uploadId=" + id + "&max-parts=0&part-number-marker=9", "", ""},
		{"GET", "/drydock?list-type=2&prefix=a%2F&delimiter=%2F&max-keys=1&continuation-token=YQ==", "", ""},
		{"GET", "/drydock?uploads&key-marker=b&upload-id-marker=x&max-uploads=1", "", ""},
		{"POST", "/drydock?delete", "", "<Delete><Object><Key>a/b</Key></Object></Delete>"},
		{"PUT", "/drydock/b/c?tagging", "", ""},
		{"GET", "/", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], byte(0))
		f.Add(seed[0], seed[1], seed[2], seed[3], byte(1))
	}
	f.Fuzz(func(t *testing.T, method, target, headers, body string, who byte) {
		r := hostileRequest(method, target, headers, body)
		if r == nil {
			return
		}
		switch who % 3 {
		case 0:
			sign(r, s.RootCredentials(), time.Now(), "UNSIGNED-PAYLOAD")
		case 1:
			sign(r, run, time.Now(), "UNSIGNED-PAYLOAD")
		}
		w := httptest.NewRecorder()
		s.S3Handler().ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		if who%3 != 0 {
			if strings.Contains(w.Body.String(), "kept from those") {
				t.Errorf("%s %s tells a secret", method, target)
			}
			if is, err := s.Stat(context.Background(), "secret/x"); err != nil || is.ETag != secret.ETag {
				t.Errorf("%s %s changes a secret: %+v, %v", method, target, is, err)
			}
		} else if _, err := s.Stat(context.Background(), "secret/x"); err != nil {
			mustPut(t, s, "secret/x", "kept from those who may do little")
		}
		secret, _ = s.Stat(context.Background(), "secret/x")
		check(t)
	})
}

// A URL that was not signed like this is refused, and one that was reaches one
// object only.
func FuzzSignedURL(f *testing.F) {
	s, check := fuzzStore(f, Options{})
	soon := time.Now().Add(time.Hour)
	up, _, err := s.SignUpload("http://h/objects", "a/../b c%", soon, UploadTerms{MaxSize: 10, ContentType: "text/x"})
	if err != nil {
		f.Fatal(err)
	}
	down, err := s.SignDownload("http://h/objects", "a/../b c%", soon, DownloadTerms{Filename: "x"})
	if err != nil {
		f.Fatal(err)
	}
	mustPut(f, s, "other", "x")
	for _, signed := range []string{up, down} {
		target := strings.TrimPrefix(signed, "http://h")
		for _, method := range []string{"PUT", "GET", "HEAD", "DELETE"} {
			f.Add(method, target, "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==", "hello")
		}
		f.Add("GET", strings.Replace(target, "/a", "/../a", 1), "", "")
		f.Add("PUT", strings.Replace(target, "%2525", "%25", 1)+"&sig=", "", "")
		f.Add("PUT", target+"&expires=99999999999", "", "x")
	}
	handler := s.SignedHandler("/objects/")
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		r := hostileRequest(method, target, headers, body)
		if r == nil {
			return
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		if w.Code != http.StatusForbidden && !signedAlike(target, up) && !signedAlike(target, down) {
			t.Errorf("%s %s: %d, and nobody signed it", method, target, w.Code)
		}
		list, _, err := s.List(context.Background(), "", "", 10)
		if keys := keysOf(list); err != nil || !slices.Contains(keys, "other") || len(keys) > 2 || len(keys) == 2 && keys[0] != "a/../b c%" {
			t.Errorf("%s %s: the store has %q, %v", method, target, keys, err)
		}
		check(t)
	})
}

// signedAlike tells whether two URLs say the same in different spellings.
func signedAlike(target, signed string) bool {
	a, errA := url.Parse("http://h" + target)
	b, errB := url.Parse(signed)
	return errA == nil && errB == nil && a.Path == b.Path && a.Query().Encode() == b.Query().Encode()
}
