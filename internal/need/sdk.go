// SPDX-License-Identifier: Apache-2.0

package need

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// sdkPatience is how long the installation of an SDK may take, the wait for
// another process that is at it included. It needs half a minute.
const sdkPatience = 10 * time.Minute

var sdks = struct {
	sync.Mutex
	made map[string]made // by requirements file
}{made: map[string]made{}}

type made struct {
	dir string
	err error
}

// SDK needs the Flyte SDK that a requirements file pins, and returns the
// virtual environment that holds it. It is installed from the package index
// once and kept in the user's cache directory, outside any checkout, under a
// name that changes with the file and the Python.
func SDK(t testing.TB, requirements string) string {
	t.Helper()
	path, err := filepath.Abs(requirements)
	if err != nil {
		t.Fatal(err)
	}
	sdks.Lock()
	defer sdks.Unlock()
	m, ok := sdks.made[path]
	if !ok {
		m.dir, m.err = installSDK(path)
		sdks.made[path] = m
	}
	if m.err != nil {
		Skip(t, "sdk", "needs the Flyte SDK: "+m.err.Error())
	}
	return m.dir
}

func installSDK(requirements string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), sdkPatience)
	defer cancel()
	return venv{python: "python3", cache: filepath.Join(cache, "drydock")}.provide(ctx, requirements)
}
