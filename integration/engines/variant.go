// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Variant returns the name of an image in e that is base with other settings:
// instructions as in a Dockerfile, as `CMD ["x"]`, `ENTRYPOINT ["x"]`,
// `USER u`, `WORKDIR /w`, `ENV A=b`. Equal changes give equal names.
func Variant(t testing.TB, e *Engine, base string, changes ...string) string {
	t.Helper()
	text := "FROM " + base + "\n" + strings.Join(changes, "\n") + "\n"
	image := fmt.Sprintf("drydock-test/variant:%x", sha256.Sum256([]byte(text)))[:len("drydock-test/variant:")+12]
	return e.once(t, image, func() error {
		var files bytes.Buffer
		w := tar.NewWriter(&files)
		if err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		c := e.client()
		c.patience = importTime
		return c.progress(http.MethodPost, "/build?"+url.Values{"t": {image}, "version": {"1"}}.Encode(), nil, &files)
	})
}
