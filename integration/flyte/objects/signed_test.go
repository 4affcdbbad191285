// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveSignedURLs mounts the handler as a server would, below a mux.
func serveSignedURLs(t testing.TB, s *Store) (client, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/objects/", s.SignedHandler("/objects/"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return client{t: t, store: s, url: server.URL}, server.URL + "/objects"
}

func (c client) plain(method, target, body string, headers map[string]string) reply {
	c.t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return c.send(r)
}

func TestSignedURLs(t *testing.T) {
	s := newStore(t)
	c, base := serveSignedURLs(t, s)
	soon := time.Now().Add(time.Minute)
	sum := md5.Sum([]byte("hello"))
	for _, key := range []string{"uploads/p/d/fast.tar.gz", "a b/ü?x=1&y#z%25", "..", "../x", "/a//b/", strings.Repeat("k", 900), "%=", "a+b"} {
		up, headers, err := s.SignUpload(base, key, soon, UploadTerms{MD5: sum[:], MaxSize: 5, ContentType: "text/x"})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"Content-MD5": base64.StdEncoding.EncodeToString(sum[:]), "Content-Type": "text/x"}; !maps.Equal(headers, want) {
			t.Errorf("headers: %v", headers)
		}
		down, err := s.SignDownload(base, key, soon, DownloadTerms{})
		if err != nil {
			t.Fatal(err)
		}
		c.want(c.plain("GET", down, "", nil), 404, "NoSuchKey")
		for range 2 {
			if r := c.want(c.plain("PUT", up, "hello", headers), 200, ""); r.Header.Get("ETag") == "" {
				t.Error("no ETag")
			}
		}
		wantContent(t, s, key, "hello")
		if r := c.want(c.plain("GET", down, "", map[string]string{"Range": "bytes=1-2"}), 206, ""); r.body != "el" || r.Header.Get("Content-Type") != "text/x" {
			t.Errorf("GET: %q, %v", r.body, r.Header)
		}
		c.want(c.plain("HEAD", down, "", nil), 200, "")
	}
	list, _, err := s.List(context.Background(), "", "", 100)
	if err != nil || len(list) != 8 {
		t.Errorf("objects: %q, %v", keysOf(list), err)
	}
}

func TestSignedURLRefusals(t *testing.T) {
	now := time.Now()
	s := openStore(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	c, base := serveSignedURLs(t, s)
	sum := md5.Sum([]byte("hello"))
	bound, _, _ := s.SignUpload(base, "k", now.Add(time.Minute), UploadTerms{MD5: sum[:], MaxSize: 5})
	open, _, _ := s.SignUpload(base, "k", now.Add(time.Minute), UploadTerms{})
	small, _, _ := s.SignUpload(base, "k", now.Add(time.Minute), UploadTerms{MaxSize: 4})
	expired, _, _ := s.SignUpload(base, "k", now, UploadTerms{})
	down, _ := s.SignDownload(base, "k", now.Add(time.Minute), DownloadTerms{Filename: "x"})
	other := newStore(t)
	foreign, _, _ := other.SignUpload(base, "k", now.Add(time.Minute), UploadTerms{})
	md5Header := func(text string) map[string]string {
		sum := md5.Sum([]byte(text))
		return map[string]string{"Content-MD5": base64.StdEncoding.EncodeToString(sum[:])}
	}
	tests := []struct {
		name, method, url, body string
		headers                 map[string]string
		status                  int
		code                    string
	}{
		{"expired", "PUT", expired, "hello", nil, 403, "AccessDenied"},
		{"other content", "PUT", bound, "other", nil, 400, "BadDigest"},
		{"other Content-MD5", "PUT", bound, "other", md5Header("other"), 400, "BadDigest"},
		{"content is not Content-MD5's", "PUT", open, "hello", md5Header("other"), 400, "BadDigest"},
		{"no MD5", "PUT", open, "hello", map[string]string{"Content-MD5": "x"}, 400, "InvalidDigest"},
		{"too large", "PUT", small, "hello", nil, 400, "EntityTooLarge"},
		{"large headers", "PUT", open, "hello", map[string]string{"X-Amz-Meta-A": strings.Repeat("x", 2000)}, 400, "MetadataTooLarge"},
		{"GET of an upload", "GET", open, "", nil, 403, "SignatureDoesNotMatch"},
		{"PUT of a download", "PUT", down, "hello", nil, 403, "SignatureDoesNotMatch"},
		{"DELETE", "DELETE", down, "", nil, 403, "SignatureDoesNotMatch"},
		{"POST", "POST", open, "", nil, 403, "SignatureDoesNotMatch"},
		{"other key", "PUT", strings.Replace(open, "/k?", "/j?", 1), "hello", nil, 403, "SignatureDoesNotMatch"},
		{"key below", "PUT", strings.Replace(open, "/k?", "/k/x?", 1), "hello", nil, 403, "SignatureDoesNotMatch"},
		{"later", "PUT", strings.Replace(open, "expires=1", "expires=2", 1), "hello", nil, 403, "SignatureDoesNotMatch"},
		{"larger", "PUT", strings.Replace(small, "max=4", "max=9", 1), "hello", nil, 403, "SignatureDoesNotMatch"},
		{"no limit", "PUT", strings.Replace(small, "max=4&", "", 1), "hello", nil, 403, "SignatureDoesNotMatch"},
		{"twice", "PUT", small + "&max=9", "hello", nil, 403, "SignatureDoesNotMatch"},
		{"other name", "GET", strings.Replace(down, "filename=x", "filename=y", 1), "", nil, 403, "SignatureDoesNotMatch"},
		{"more", "GET", down + "&type=text%2Fhtml", "", nil, 403, "SignatureDoesNotMatch"},
		{"unsigned", "GET", base + "/k", "", nil, 403, "SignatureDoesNotMatch"},
		{"nothing", "GET", base + "/", "", nil, 403, "AccessDenied"},
		{"another store's", "PUT", foreign, "hello", nil, 403, "SignatureDoesNotMatch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := c.want(c.plain(tt.method, tt.url, tt.body, tt.headers), tt.status, tt.code)
			if tt.name == "expired" && !strings.Contains(r.body, "Request has expired") {
				t.Errorf("the SDK would not recognise %s", r.body)
			}
		})
	}
	list, _, err := s.List(context.Background(), "", "", 100)
	if err != nil || len(list) > 0 {
		t.Errorf("objects: %q, %v", keysOf(list), err)
	}
	wantNoLeftovers(t, s)
	for _, base := range []string{"", "/objects", "http://h/x?y", "http://h/#x", ":"} {
		if u, err := s.SignDownload(base, "k", now, DownloadTerms{}); err == nil {
			t.Errorf("signed %q", u)
		}
	}
	if _, _, err := s.SignUpload(base, "", now, UploadTerms{}); err == nil {
		t.Error("signed no key")
	}
}

func TestSignedWithoutLength(t *testing.T) {
	s := newStore(t)
	c, base := serveSignedURLs(t, s)
	up, _, _ := s.SignUpload(base, "k", time.Now().Add(time.Minute), UploadTerms{})
	r, err := http.NewRequest("PUT", up, io.MultiReader(strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	c.want(c.send(r), 411, "MissingContentLength")
	wantAbsent(t, s, "k")
}

// What a browser gets cannot harm it.
func TestServedSafely(t *testing.T) {
	s := newStore(t)
	c, base := serveSignedURLs(t, s)
	if _, err := s.Put(context.Background(), "report.html", strings.NewReader("<script>"), PutOptions{ContentType: "text/html"}); err != nil {
		t.Fatal(err)
	}
	down, err := s.SignDownload(base, "report.html", time.Now().Add(time.Minute), DownloadTerms{Filename: "my \"report\"\r\nX: y.html", ContentType: "text/html; charset=utf-8"})
	if err != nil {
		t.Fatal(err)
	}
	r := c.want(c.plain("GET", down, "", nil), 200, "")
	if r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		r.Header.Get("Content-Security-Policy") != contentPolicy || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "inline; filename") || r.Header.Get("X") != "" {
		t.Errorf("headers: %v", r.Header)
	}
}

// A deploy uploads the same bundle once per environment, all at once.
func TestSameUploadAtOnce(t *testing.T) {
	s := newStore(t)
	c, base := serveSignedURLs(t, s)
	text := content(1, 300<<10)
	sum := md5.Sum([]byte(text))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			up, headers, err := s.SignUpload(base, "uploads/fast.tar.gz", time.Now().Add(time.Minute), UploadTerms{MD5: sum[:]})
			if err != nil {
				t.Error(err)
			}
			c.want(c.plain("PUT", up, text, headers), 200, "")
			wantContent(t, s, "uploads/fast.tar.gz", text)
		})
	}
	wg.Wait()
	if u, err := url.Parse(base); err != nil || u.Path != "/objects" {
		t.Errorf("%v, %v", u, err)
	}
}
