// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
)

// Build returns the name of an image in e that the Dockerfile in dir makes of
// all that lies there: what `docker build --build-arg NAME=VALUE… dir` makes
// with a .dockerignore that leaves out nothing. Nothing is pulled. Equal files
// and arguments give equal names.
func Build(t testing.TB, e *Engine, dir string, args map[string]string) string {
	t.Helper()
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	err := w.AddFS(os.DirFS(dir))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	given, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(given, files.Bytes()...))
	image := fmt.Sprintf("drydock-test/built:%x", sum[:6])
	return e.once(t, image, func() error {
		query := url.Values{"t": {image}, "version": {"1"}, "buildargs": {string(given)}, "networkmode": {"none"}}
		c := e.client()
		c.patience = importTime
		return c.progress(http.MethodPost, "/build?"+query.Encode(), nil, &files)
	})
}
