// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// hub is a registry on 127.0.0.1, which engines take without TLS.
type hub struct {
	host   string
	server *httptest.Server
	layer  string // digest of the layer that was pushed last
	size   int    // its bytes

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // true: it answered
	asked  []string                                          // "GET /v2/…"
}

func newHub(t *testing.T) *hub {
	t.Helper()
	s := &hub{}
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		answer := s.answer
		s.mu.Unlock()
		if answer == nil || !answer(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.server.Close)
	s.host = strings.TrimPrefix(s.server.URL, "http://")
	return s
}

// set has answer asked first from now on.
func (s *hub) set(answer func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.asked = answer, nil
}

// count is how many requests since set had all of the words.
func (s *hub) count(words ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, asked := range s.asked {
		if containsAll(asked, words) {
			n++
		}
	}
	return n
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// put uploads one thing, past the answer of the test's.
func (s *hub) put(t *testing.T, method, path, kind string, content []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

// part is a descriptor in a manifest.
type part struct {
	MediaType string         `json:"mediaType"`
	Digest    string         `json:"digest"`
	Size      int            `json:"size"`
	Platform  map[string]any `json:"platform,omitempty"`
}

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	listType     = "application/vnd.docker.distribution.manifest.list.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

func (s *hub) blob(t *testing.T, repo, kind string, content []byte) part {
	t.Helper()
	s.put(t, http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+digest(content), "application/octet-stream", content)
	return part{MediaType: kind, Digest: digest(content), Size: len(content)}
}

// push puts an image of one file per size into the registry.
func (s *hub) push(t *testing.T, repo, tag, arch string, sizes ...int) part {
	t.Helper()
	var layers []part
	var diffs []string
	for i, size := range sizes {
		content, diff := layerOf(t, fmt.Sprintf("file%d", i), size)
		layers = append(layers, s.blob(t, repo, layerType, content))
		diffs = append(diffs, diff)
		s.layer, s.size = digest(content), len(content)
	}
	config := encode(t, map[string]any{
		"architecture": arch, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/entry"}, "Cmd": []string{"a", "b"}, "User": "42", "WorkingDir": "/work",
			"Env": []string{"PATH=/bin", "TOKEN=very-secret"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	manifest := encode(t, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": s.blob(t, repo, configType, config), "layers": layers})
	if tag == "" {
		tag = digest(manifest)
	}
	s.put(t, http.MethodPut, "/v2/"+repo+"/manifests/"+tag, manifestType, manifest)
	return part{MediaType: manifestType, Digest: digest(manifest), Size: len(manifest), Platform: map[string]any{"architecture": arch, "os": "linux"}}
}

// pushList puts an image for several platforms into the registry.
func (s *hub) pushList(t *testing.T, repo, tag string, arches ...string) {
	t.Helper()
	var all []part
	for _, arch := range arches {
		all = append(all, s.push(t, repo, "", arch, 1000))
	}
	s.put(t, http.MethodPut, "/v2/"+repo+"/manifests/"+tag, listType, encode(t, map[string]any{"schemaVersion": 2, "mediaType": listType, "manifests": all}))
}

func encode(t *testing.T, document any) []byte {
	t.Helper()
	content, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// layerOf is a compressed layer with one file that compresses badly, and the
// digest of what it unpacks to.
func layerOf(t *testing.T, name string, size int) (content []byte, diff string) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{byte(rand.Int()), byte(rand.Int()), byte(rand.Int()), byte(rand.Int())})
	data := make([]byte, size)
	_, _ = random.Read(data)
	var plain, packed bytes.Buffer
	archive := tar.NewWriter(&plain)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(plain.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes(), digest(plain.Bytes())
}
