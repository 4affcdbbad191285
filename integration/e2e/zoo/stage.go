// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// stage is step 1: files, builds and links into the working directory. It
// returns variables that the builds need (PYTHONPATH).
func (r *Runner) stage(s Scenario, p place) ([]string, error) {
	for _, name := range s.Files {
		mode, err := modeOf(s, filepath.Base(name), 0o644)
		if err != nil {
			return nil, err
		}
		from := filepath.Join(r.Dir, "files", filepath.FromSlash(name))
		if err := copyFile(from, filepath.Join(p.cwd, filepath.Base(name)), mode); err != nil {
			return nil, err
		}
	}
	var env []string
	for _, name := range s.Build {
		product, err := r.Builder.Product(filepath.Join(r.Dir, "files"), name)
		if err != nil {
			return nil, err
		}
		if product.PythonPath != "" {
			env = append(env, "PYTHONPATH="+product.PythonPath)
		}
		for _, path := range product.Files {
			mode, err := modeOf(s, filepath.Base(path), 0o755)
			if err != nil {
				return nil, err
			}
			if err := copyFile(path, filepath.Join(p.cwd, filepath.Base(path)), mode); err != nil {
				return nil, err
			}
		}
	}
	for name, target := range s.Links {
		if err := os.Symlink(target, filepath.Join(p.cwd, name)); err != nil {
			return nil, err
		}
	}
	return env, nil
}

func modeOf(s Scenario, base string, otherwise os.FileMode) (os.FileMode, error) {
	text, ok := s.Modes[base]
	if !ok {
		return otherwise, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil {
		return 0, fmt.Errorf("mode of %s: %w", base, err)
	}
	return os.FileMode(mode), nil
}

// copyFile copies with exactly this mode, whatever the umask.
func copyFile(from, to string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}
