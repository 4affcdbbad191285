// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChild); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

func openStore(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, t.TempDir(), Options{})
}

func mustPut(t testing.TB, s *Store, key, content string) Info {
	t.Helper()
	info, err := s.Put(context.Background(), key, strings.NewReader(content), PutOptions{})
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return info
}

func wantContent(t testing.TB, s *Store, key, content string) {
	t.Helper()
	data, info, err := s.GetBytes(context.Background(), key, 1<<30)
	if err != nil || string(data) != content || info.Size != int64(len(content)) || info.Key != key {
		t.Errorf("GetBytes(%q) = %.40q, %+v, %v, want %.40q", key, data, info, err, content)
	}
}

func wantAbsent(t testing.TB, s *Store, key string) {
	t.Helper()
	if _, err := s.Stat(context.Background(), key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Stat(%q): %v, want ErrNotFound", key, err)
	}
	if _, _, err := s.Get(context.Background(), key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get(%q): %v, want ErrNotFound", key, err)
	}
}

// wantNoLeftovers says that nothing is being written, and nothing else stands
// beside what belongs to the store.
func wantNoLeftovers(t testing.TB, s *Store) {
	t.Helper()
	left, err := s.readDir(tmpDir)
	if err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
	all, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if !slices.Contains([]string{objectsDir, metaDir, uploadsDir, tmpDir, keysFile, lockFile}, f.Name()) {
			t.Errorf("the store has %s", f.Name())
		}
	}
}

func keysOf(list []Info) []string {
	var keys []string
	for _, info := range list {
		keys = append(keys, info.Key)
	}
	return keys
}

// content is n bytes that look like no other seed's.
func content(seed uint64, n int) string {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(data)
	return string(data)
}

// client talks S3 to a store over the network.
type client struct {
	t     testing.TB
	store *Store
	url   string
	keys  Credentials
}

func serve(t testing.TB, s *Store) client {
	t.Helper()
	server := httptest.NewServer(s.S3Handler())
	t.Cleanup(server.Close)
	return client{t, s, server.URL, s.RootCredentials()}
}

type reply struct {
	*http.Response
	body string
}

// code is the error's.
func (r reply) code() string {
	_, rest, _ := strings.Cut(r.body, "<Code>")
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}

// do sends a signed request for a target such as /drydock/key?uploads=, which
// is escaped already. headers are pairs.
func (c client) do(method, target, body string, headers ...string) reply {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	sum := sha256.Sum256([]byte(body))
	sign(r, c.keys, time.Now(), hex.EncodeToString(sum[:]))
	return c.send(r)
}

func (c client) send(r *http.Request) reply {
	c.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	return reply{resp, string(data)}
}

func (c client) want(r reply, status int, code string) reply {
	c.t.Helper()
	if r.StatusCode != status || r.code() != code {
		c.t.Errorf("%s %s: %d %q, want %d %q\n%.300s", r.Request.Method, r.Request.URL, r.StatusCode, r.code(), status, code, r.body)
	}
	return r
}

// at is the target of a key, escaped like the SDK's client does it.
func at(key string) string { return "/" + Bucket + "/" + escape(key, "/") }

func escape(s, keep string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(keep+"-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// sign signs like the SDK's client: every header there is.
func sign(r *http.Request, keys Credentials, at time.Time, payloadHash string) {
	stamp := at.UTC().Format("20060102T150405Z")
	scope := stamp[:8] + "/us-east-1/s3/aws4_request"
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", payloadHash)
	signed := map[string]string{"host": r.URL.Host}
	if r.Host != "" {
		signed["host"] = r.Host
	}
	for name, values := range r.Header {
		signed[strings.ToLower(name)] = strings.TrimSpace(values[0])
	}
	names := slices.Sorted(maps.Keys(signed))
	var headers bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&headers, "%s:%s\n", name, signed[name])
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query()), headers.String(), strings.Join(names, ";"), payloadHash}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + keys.SecretKey)
	for _, part := range []string{stamp[:8], "us-east-1", "s3", "aws4_request"} {
		key = hmac256(key, part)
	}
	signature := hmac256(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(digest[:]))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", keys.AccessKey, scope, strings.Join(names, ";"), signature))
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range slices.Sorted(slices.Values(q[name])) {
			pairs = append(pairs, escape(name, "")+"="+escape(value, ""))
		}
	}
	return strings.Join(pairs, "&")
}

func hmac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
