// SPDX-License-Identifier: Apache-2.0

package need

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/provide"
)

// venv makes virtual environments in a cache directory.
type venv struct {
	python string // a name on the PATH, or a path
	cache  string
}

// complete is the file that a finished environment has. Environments are made
// where they stay, because their scripts name the place: the file, not a
// rename, says that one is whole.
const complete = ".complete"

// whoami tells what an environment depends on beside its packages, and fails
// where the standard library was cut down.
const whoami = `import ensurepip, platform, sys, venv
assert sys.version_info >= (3, 11), "Python %s is too old for what is pinned, 3.11 or newer is needed" % platform.python_version()
print(sys.version, sys.base_prefix, platform.machine())`

// provide returns the environment with the packages of a requirements file.
func (v venv) provide(ctx context.Context, requirements string) (string, error) {
	content, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	python, err := exec.LookPath(v.python)
	if err != nil {
		return "", fmt.Errorf("there is no program %s", v.python)
	}
	identity, err := output(ctx, python, "-c", whoami)
	if err != nil {
		return "", fmt.Errorf("%s makes no virtual environments (Debian's package is python3-venv): %w", python, err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", identity, content))
	dir := filepath.Join(v.cache, fmt.Sprintf("sdk-%x", key[:8]))
	if err := os.MkdirAll(v.cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := provide.Lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, complete)); err == nil {
		return dir, nil
	}
	return dir, v.install(ctx, python, dir, requirements)
}

func (v venv) install(ctx context.Context, python, dir, requirements string) error {
	if err := os.RemoveAll(dir); err != nil { // what somebody who was interrupted left
		return err
	}
	if _, err := output(ctx, python, "-m", "venv", dir); err != nil {
		return fmt.Errorf("a virtual environment could not be made: %w", err)
	}
	pip := filepath.Join(dir, "bin", "pip")
	if _, err := output(ctx, pip, "--disable-pip-version-check", "install", "--quiet", "--no-input", "--retries", "2", "-r", requirements); err != nil {
		return fmt.Errorf("%s could not be installed: %w", filepath.Base(requirements), err)
	}
	return os.WriteFile(filepath.Join(dir, complete), nil, 0o644)
}

// output runs a program; its error is the last line that the program said.
func output(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" && ctx.Err() == nil {
		return "", errors.New(last)
	}
	return "", errors.Join(err, context.Cause(ctx))
}
