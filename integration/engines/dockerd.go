// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/provide"
)

// buildTime bounds the building of an engine, which takes two to four minutes
// with two processors, and as much for others that are at it.
const buildTime = 20 * time.Minute

// engineTags leave out what the tests have no use for: storage that needs C
// libraries, and systemd.
const engineTags = "exclude_graphdriver_btrfs exclude_graphdriver_zfs no_systemd"

// module is what go mod download says about one.
type module struct{ Version, Dir, Sum string }

// BuildDockerd builds a Docker Engine from its Go module, unless it was built
// before, and returns the program's path. The module is the one that the
// client library comes from.
func BuildDockerd(ctx context.Context) (string, error) {
	about, err := provide.Output(ctx, "", "go", "mod", "download", "-json", engineModule)
	if err != nil {
		return "", err
	}
	var m module
	if err := json.Unmarshal([]byte(about), &m); err != nil {
		return "", err
	}
	compiler, err := provide.Output(ctx, "", "go", "version")
	if err != nil {
		return "", err
	}
	dir, err := provide.Dir(ctx, "dockerd", []string{m.Version, m.Sum, compiler, engineTags}, func(ctx context.Context, dir string) error {
		return m.build(ctx, dir)
	})
	return filepath.Join(dir, "dockerd"), err
}

func (m module) build(ctx context.Context, dir string) error {
	source := filepath.Join(dir, "source")
	err := copyTree(source, m.Dir)
	for from, to := range map[string]string{"vendor.mod": "go.mod", "vendor.sum": "go.sum"} {
		err = errors.Join(err, os.Rename(filepath.Join(source, from), filepath.Join(source, to)))
	}
	if err != nil {
		return err
	}
	version := strings.TrimSuffix(strings.TrimPrefix(m.Version, "v"), "+incompatible")
	_, err = provide.OutputEnv(ctx, source, []string{"GOFLAGS=", "GOWORK=off"}, "nice", "go", "build", "-mod=mod", "-trimpath", "-tags", engineTags,
		"-ldflags", "-s -w -X "+engineModule+"/dockerversion.Version="+version, "-o", filepath.Join(dir, "dockerd"), "./cmd/dockerd")
	return errors.Join(err, os.RemoveAll(source))
}

// copyTree copies a module's files; those of the module cache are read-only.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}
