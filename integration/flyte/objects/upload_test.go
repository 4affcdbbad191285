// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// begin starts an upload over HTTP and returns the target of its requests.
func (c client) begin(key string, headers ...string) string {
	c.t.Helper()
	r := c.want(c.do("POST", at(key)+"?uploads=", "", headers...), 200, "")
	_, rest, _ := strings.Cut(r.body, "<UploadId>")
	id, _, _ := strings.Cut(rest, "</UploadId>")
	if id == "" {
		c.t.Fatalf("no UploadId: %s", r.body)
	}
	return at(key) + "?uploadId=" + id
}

func (c client) part(upload string, number int, text string) string {
	c.t.Helper()
	r := c.want(c.do("PUT", fmt.Sprintf("%s&partNumber=%d", upload, number), text), 200, "")
	return fmt.Sprintf("<Part><ETag>%s</ETag><PartNumber>%d</PartNumber></Part>", strings.ReplaceAll(r.Header.Get("ETag"), `"`, "&quot;"), number)
}

func (c client) complete(upload string, parts ...string) reply {
	return c.do("POST", upload, "<CompleteMultipartUpload>"+strings.Join(parts, "")+"</CompleteMultipartUpload>")
}

func TestMultipart(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	mustPut(t, s, "k", "was here")
	const n = 12
	upload := c.begin("k", "Content-Type", "text/x", "X-Amz-Meta-A", "b")
	parts := make([]string, n)
	var wg sync.WaitGroup
	for _, i := range rand.Perm(n) {
		wg.Go(func() {
			c.part(upload, 10*i+1, "replaced by what is sent later")
			parts[i] = c.part(upload, 10*i+1, content(uint64(i), 1000+i))
		})
	}
	wg.Wait()
	wantContent(t, s, "k", "was here")
	r := c.want(c.do("GET", upload, ""), 200, "")
	if strings.Count(r.body, "<Part>") != n {
		t.Errorf("parts: %s", r.body)
	}
	if r := c.want(c.do("GET", upload+"&max-parts=2&part-number-marker=11", ""), 200, ""); strings.Count(r.body, "<Part>") != 2 || !strings.Contains(r.body, "<NextPartNumberMarker>31<") {
		t.Errorf("two parts: %s", r.body)
	}
	if r := c.want(c.do("GET", "/drydock?uploads&prefix=k", ""), 200, ""); strings.Count(r.body, "<UploadId>") != 1 {
		t.Errorf("uploads: %s", r.body)
	}
	want := ""
	hash := md5.New()
	for i := range n {
		want += content(uint64(i), 1000+i)
		sum := md5.Sum([]byte(content(uint64(i), 1000+i)))
		hash.Write(sum[:])
	}
	etag := fmt.Sprintf("%x-%d", hash.Sum(nil), n)
	for range 2 { // the answer to the first may be lost
		r := c.want(c.complete(upload, parts...), 200, "")
		if !strings.Contains(r.body, "<ETag>&#34;"+etag+"&#34;</ETag>") {
			t.Errorf("complete: %s, want %s", r.body, etag)
		}
		wantContent(t, s, "k", want)
	}
	if r := c.want(c.do("HEAD", at("k"), ""), 200, ""); r.Header.Get("ETag") != `"`+etag+`"` || r.Header.Get("Content-Type") != "text/x" || r.Header.Get("X-Amz-Meta-A") != "b" {
		t.Errorf("HEAD: %v", r.Header)
	}
	if info, err := s.Stat(context.Background(), "k"); err != nil || info.MD5 != nil || info.ETag != etag {
		t.Errorf("Stat: %+v, %v", info, err)
	}
	c.want(c.complete(upload, parts[0]), 404, "NoSuchUpload")
	c.want(c.do("DELETE", upload, ""), 404, "NoSuchUpload")
	c.want(c.do("PUT", upload+"&partNumber=1", "x"), 404, "NoSuchUpload")
	if r := c.want(c.do("GET", "/drydock?uploads", ""), 200, ""); strings.Contains(r.body, "<UploadId>") {
		t.Errorf("uploads: %s", r.body)
	}
	left, err := s.readDir(uploadsDir + "/" + strings.Split(upload, "=")[1])
	if err != nil || len(left) != 1 {
		t.Errorf("%d files of the upload are left, %v", len(left), err)
	}
	wantNoLeftovers(t, s)
}

func TestMultipartRefusals(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	upload := c.begin("k")
	one, two := c.part(upload, 1, "1"), c.part(upload, 2, "")
	other := strings.Replace(upload, at("k"), at("other"), 1)
	c.want(c.complete(upload), 400, "InvalidPart")
	c.want(c.complete(upload, two, one), 400, "InvalidPartOrder")
	c.want(c.complete(upload, one, one), 400, "InvalidPartOrder")
	c.want(c.complete(upload, one, strings.Replace(two, ">2<", ">3<", 1)), 400, "InvalidPart")
	c.want(c.complete(upload, "<Part><ETag>../../keys.json</ETag><PartNumber>1</PartNumber></Part>"), 400, "InvalidPart")
	c.want(c.complete(upload, strings.Replace(one, ">1<", ">-1<", 1)), 400, "InvalidPartOrder")
	c.want(c.complete(other, one), 404, "NoSuchUpload")
	c.want(c.do("PUT", other+"&partNumber=1", "x"), 404, "NoSuchUpload")
	c.want(c.do("DELETE", other, ""), 404, "NoSuchUpload")
	c.want(c.do("PUT", upload+"&partNumber=10001", "x"), 400, "InvalidPart")
	c.want(c.do("PUT", upload+"&partNumber=1", "x", "Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="), 400, "BadDigest")
	c.want(c.do("PUT", upload+"&partNumber=1", "x", "X-Amz-Copy-Source", at("k")), 501, "NotImplemented")
	c.want(c.do("POST", upload, "<x"), 400, "MalformedXML")
	c.want(c.do("POST", "/drydock?uploads", ""), 501, "NotImplemented")
	wantAbsent(t, s, "k")
	c.want(c.complete(upload, one, two), 200, "")
	wantContent(t, s, "k", "1")

	upload = c.begin("k")
	one = c.part(upload, 1, "never")
	c.want(c.do("DELETE", upload, ""), 204, "")
	c.want(c.complete(upload, one), 404, "NoSuchUpload")
	c.want(c.do("DELETE", upload, ""), 404, "NoSuchUpload")
	wantContent(t, s, "k", "1")
	wantNoLeftovers(t, s)
}

// An upload outlives the process, not the boot; nobody need clean up.
func TestUploadLife(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	open := func() *Store { return openStore(t, dir, Options{Now: func() time.Time { return now }}) }
	s := open()
	ctx := context.Background()
	id, err := s.beginUpload("k", PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := s.putPart(ctx, "k", id, 1, strings.NewReader("part"), PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open()
	if _, err := s.completeUpload(ctx, "k", id, []part{{1, sum}}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	wantContent(t, s, "k", "part")

	id, _ = s.beginUpload("old", PutOptions{})
	u, err := s.readUpload(id)
	if err != nil {
		t.Fatal(err)
	}
	u.Boot = "an earlier one"
	if err := s.writeUpload(id, u); err != nil {
		t.Fatal(err)
	}
	if _, err := s.putPart(ctx, "old", id, 1, strings.NewReader("part"), PutOptions{}); !errors.Is(err, errNoUpload) {
		t.Errorf("after a reboot: %v", err)
	}
	now = now.Add(61 * time.Minute)
	if _, err := s.beginUpload("next", PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.readUpload(id); !errors.Is(err, errNoUpload) {
		t.Errorf("not swept: %v", err)
	}
	now = now.Add(26 * time.Hour)
	if _, err := s.beginUpload("last", PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if left, _ := s.readDir(uploadsDir); len(left) != 1 {
		t.Errorf("%d uploads are left", len(left))
	}
}

// zeros is a body without end that costs nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Memory does not grow with bodies: 12 parts of 5 MiB at once, an upload of 64
// MiB in one piece, and reading it, allocate less than one part.
func TestNothingIsBuffered(t *testing.T) {
	s := newStore(t)
	c := serve(t, s)
	put := func(target string, size int64) string {
		r, err := http.NewRequest("PUT", c.url+target, io.LimitReader(zeros{}, size))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = size
		sign(r, c.keys, time.Now(), "UNSIGNED-PAYLOAD")
		return c.want(c.send(r), 200, "").Header.Get("ETag")
	}
	put(at("warm"), 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	upload := c.begin("parts")
	parts := make([]string, 12)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			etag := put(fmt.Sprintf("%s&partNumber=%d", upload, i+1), 5<<20)
			parts[i] = fmt.Sprintf("<Part><ETag>%s</ETag><PartNumber>%d</PartNumber></Part>", etag, i+1)
		})
	}
	wg.Wait()
	c.want(c.complete(upload, parts...), 200, "")
	put(at("one"), 64<<20)
	for _, key := range []string{"parts", "one"} {
		r, _ := http.NewRequest("GET", c.url+at(key), nil)
		sign(r, c.keys, time.Now(), "UNSIGNED-PAYLOAD")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != resp.ContentLength {
			t.Errorf("%s: %d bytes, %v", key, n, err)
		}
		resp.Body.Close()
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 5<<20 {
		t.Errorf("%d KiB were allocated", n>>10)
	}
}
