// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/internal/need"
	"drydock/internal/provide"
)

// treeTime bounds the making of a root file system: downloads and unpacking,
// about a minute, and as much for others that are at it.
const treeTime = 15 * time.Minute

// tree is a root file system that is made of Debian's packages and kept as a
// tar file.
type tree struct {
	kind     string   // for the name in the cache
	words    []string // all it is made of beside the packages
	packages []string
	// finish, if any, works in the directory that holds the tree "tree".
	finish func(ctx context.Context, dir string) error
}

// slim leaves out what nobody in a container reads.
const slim = `rm -rf tree/var/cache/apt/* tree/var/lib/apt/lists/* tree/usr/share/doc/* tree/usr/share/man/* tree/usr/share/locale/*`

// file needs the tar file, made here or at an earlier time.
func (r tree) file(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"debootstrap", "apt-get", "tar"} {
		need.Program(t, program)
	}
	ctx, cancel := context.WithTimeout(context.Background(), treeTime)
	defer cancel()
	suite, err := provide.Suite()
	dir := ""
	if err == nil {
		words := append([]string{suite, slim, strings.Join(r.packages, ",")}, r.words...)
		dir, err = provide.Dir(ctx, r.kind, words, func(ctx context.Context, dir string) error { return r.make(ctx, dir, suite) })
	}
	if err != nil {
		need.Skip(t, r.kind, "needs Debian packages for an image: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return filepath.Join(dir, "image.tar")
}

func (r tree) make(ctx context.Context, dir, suite string) error {
	err := provide.Bootstrap(ctx, filepath.Join(dir, "tree"), suite, r.packages...)
	if err == nil && r.finish != nil {
		err = r.finish(ctx, dir)
	}
	if err == nil {
		_, err = provide.Output(ctx, dir, "sh", "-c", slim)
	}
	if err == nil {
		_, err = provide.Output(ctx, dir, "tar", "--numeric-owner", "--one-file-system", "-C", "tree", "-cf", "image.tar", ".")
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(dir, "tree")))
}

// importTree makes an image of a tree, unless e has it.
func importTree(t testing.TB, e *Engine, image string, r tree, changes ...string) string {
	t.Helper()
	path := r.file(t)
	return e.once(t, image, func() error {
		files, err := os.Open(path)
		if err != nil {
			return err
		}
		defer files.Close()
		return e.load(image, append([]string{"ENV " + standardPath}, changes...), files)
	})
}
