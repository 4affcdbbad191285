// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/internal/provide"
)

// Python needs debootstrap, and returns the name of an image in e with
// Debian's smallest system and python3 (about 150 MB): user root, no command,
// no entrypoint, no SDK.
func Python(t testing.TB, e *Engine) string {
	t.Helper()
	return importTree(t, e, "drydock-test/python:1", tree{kind: "image-python", packages: []string{"python3"}})
}

// SDKImage needs the Flyte SDK that a requirements file pins, and returns the
// name of an image in e that holds it as an image of a user does: a0 and flyte
// on the PATH, the user flyte (1000) who is not root, /home/flyte as the
// working directory, GNU tar, no entrypoint and no command.
func SDKImage(t testing.TB, e *Engine, requirements string) string {
	t.Helper()
	need.Program(t, "python3")
	path, err := filepath.Abs(requirements)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := tree{
		kind: "image-sdk", packages: []string{"python3", "python3-venv"}, words: []string{string(content), sdkScript},
		finish: func(ctx context.Context, dir string) error { return addSDK(ctx, dir, path) },
	}
	name := strings.TrimSuffix(filepath.Base(path), ".txt")
	return importTree(t, e, "drydock-test/sdk:"+name, r, "USER flyte", "WORKDIR /home/flyte")
}

// sdkScript installs the wheels without a network. The virtual environment is
// one because Debian's own Python refuses packages that are not Debian's.
const sdkScript = `set -eu
chroot tree python3 -m venv /opt/flyte
mv wheels tree/wheels
chroot tree /opt/flyte/bin/pip install --quiet --no-index --find-links /wheels -r /wheels/requirements.txt
rm -r tree/wheels
for program in a0 flyte; do ln -s "/opt/flyte/bin/$program" "tree/usr/local/bin/$program"; done
chroot tree useradd -m -u 1000 -s /bin/bash flyte
`

// addSDK fetches the wheels for the tree's Python, with the settings that this
// machine's pip has, and installs them in the tree.
func addSDK(ctx context.Context, dir, requirements string) error {
	version, err := provide.Output(ctx, dir, "chroot", "tree", "python3", "-c", `import sys; print("%d.%d" % sys.version_info[:2])`)
	if err != nil {
		return err
	}
	fetcher := filepath.Join(dir, "fetcher") // Debian's python3 has no pip without an environment
	if _, err := provide.Output(ctx, dir, "python3", "-m", "venv", fetcher); err != nil {
		return err
	}
	wheels := filepath.Join(dir, "wheels")
	if _, err := provide.Output(ctx, dir, filepath.Join(fetcher, "bin", "pip"), "--disable-pip-version-check", "download", "--quiet", "--no-input",
		"--dest", wheels, "--python-version", strings.TrimSpace(version), "--only-binary=:all:", "-r", requirements); err != nil {
		return err
	}
	if err := os.RemoveAll(fetcher); err != nil {
		return err
	}
	content, err := os.ReadFile(requirements)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(wheels, "requirements.txt"), content, 0o644); err != nil {
		return err
	}
	_, err = provide.Output(ctx, dir, "sh", "-c", sdkScript)
	return err
}
