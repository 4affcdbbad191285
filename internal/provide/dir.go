// SPDX-License-Identifier: Apache-2.0

package provide

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Path is where the thing of this kind that is made of these words is kept;
// its directory exists.
func Path(kind string, words []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	path := filepath.Join(cache, "drydock", fmt.Sprintf("%s-%x", kind, key[:8]))
	return path, os.MkdirAll(filepath.Dir(path), 0o755)
}

// Dir returns the directory that make filled for these words, now or at an
// earlier time. It is filled under another name and renamed when complete;
// whoever else wants it meanwhile, in any process, waits as long as ctx lets.
func Dir(ctx context.Context, kind string, words []string, make func(ctx context.Context, dir string) error) (string, error) {
	dir, err := Path(kind, words)
	if err != nil {
		return "", err
	}
	unlock, err := Lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil { // of somebody who was interrupted
		return "", err
	}
	if err := os.Mkdir(unfinished, 0o755); err != nil {
		return "", err
	}
	if err := make(ctx, unfinished); err != nil {
		return "", errors.Join(err, os.RemoveAll(unfinished))
	}
	return dir, os.Rename(unfinished, dir)
}

// Lock waits for a file lock that ends with this process at the latest.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if ctx.Err() != nil || err != unix.EWOULDBLOCK && err != unix.EINTR {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, ctx.Err()))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
