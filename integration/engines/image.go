// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// importTime bounds what an engine does with a whole image.
const importTime = 5 * time.Minute

func (e *Engine) client() client { return client{path: e.path()} }

// once runs make unless this engine has the image from before, and returns
// the image's name.
func (e *Engine) once(t testing.TB, image string, make func() error) string {
	t.Helper()
	e.imports.Lock()
	defer e.imports.Unlock()
	if e.images[image] && e.has(image) {
		return image
	}
	if err := make(); err != nil {
		t.Fatalf("%s: image %s: %v", e.Name, image, err)
	}
	e.images[image] = true
	return image
}

// has says whether the engine has the image now; a test may have removed it.
func (e *Engine) has(image string) bool {
	_, err := e.client().do(http.MethodGet, "/images/"+image+"/json", nil)
	return err == nil
}

// load makes an image of a file system in tar format. changes are
// instructions as in a Dockerfile.
func (e *Engine) load(image string, changes []string, files io.Reader) error {
	query := url.Values{"fromSrc": {"-"}, "repo": {image}, "changes": changes}
	c := e.client()
	c.patience = importTime
	return c.progress(http.MethodPost, "/images/create?"+query.Encode(), nil, files)
}
