// SPDX-License-Identifier: Apache-2.0

package provide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Output runs a program in dir ("": here); its error holds the end of what it
// said.
func Output(ctx context.Context, dir, program string, args ...string) (string, error) {
	return OutputEnv(ctx, dir, nil, program, args...)
}

// OutputEnv is Output with more variables in the environment.
func OutputEnv(ctx context.Context, dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // it may have mounts to undo
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(program), errors.Join(err, context.Cause(ctx)), LastLines(out.String()+said.String()))
	}
	return out.String(), nil
}

// LastLines is the end of a text.
func LastLines(text string) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
