// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// secretsPath is where a task finds the secrets that it wants as files; the
// SDK accepts no other place.
const secretsPath = "/etc/flyte/secrets"

// maxSecret is the longest value that a variable can have (Linux's
// MAX_ARG_STRLEN, less its name).
const maxSecret = 120 << 10

// secrets finds what a task's security context asks for: variables, and files
// to be mounted. Their values go nowhere else.
func (l *Launcher) secrets(task string, s *core.SecurityContext) (env map[string]string, mounts []sandbox.Mount, err error) {
	env = map[string]string{}
	for _, secret := range s.GetSecrets() {
		name, err := secretName(secret)
		if err != nil {
			return nil, nil, err
		}
		file, value, err := l.secret(task, name, secret.GetMountRequirement() != core.Secret_FILE)
		if err != nil {
			return nil, nil, err
		}
		if secret.GetMountRequirement() == core.Secret_FILE {
			mount := sandbox.Mount{Source: file, Target: path.Join(secretsPath, name), ReadOnly: true}
			if !slices.Contains(mounts, mount) {
				mounts = append(mounts, mount)
			}
			continue
		}
		env[secretVariable(secret)] = value
	}
	return env, mounts, nil
}

// secretName is GROUP/KEY, or KEY: the file below the directory of secrets.
func secretName(s *core.Secret) (string, error) {
	parts := []string{s.GetKey()}
	if s.GetGroup() != "" {
		parts = []string{s.GetGroup(), s.GetKey()}
	}
	for _, part := range parts {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/\x00") {
			return "", refuse(codeBadTask, "a secret's group and key cannot be %q and %q; use names without slashes", s.GetGroup(), s.GetKey())
		}
	}
	return strings.Join(parts, "/"), nil
}

// secretVariable is the variable that shows a secret; the SDK names it.
func secretVariable(s *core.Secret) string {
	if name := s.GetEnvVar(); name != "" {
		return name
	}
	name := s.GetKey()
	if s.GetGroup() != "" {
		name = s.GetGroup() + "_" + name
	}
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// secret finds one secret's file, and reads it where a variable wants it.
func (l *Launcher) secret(task, name string, read bool) (file, value string, err error) {
	dir := l.c.SecretsDir
	if dir == "" {
		return "", "", refuse(codeSecret, "task %s wants the secret %s, and this drydock was given no directory of secrets", task, name)
	}
	file = filepath.Join(dir, filepath.FromSlash(name))
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", missing(task, name, file)
	}
	if err != nil {
		return "", "", refuse(codeSecret, "task %s wants the secret %s, and its directory cannot be read: %v", task, name, err)
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(name)) // never outside the directory, whatever links lie there
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", missing(task, name, file)
	}
	if err != nil {
		return "", "", refuse(codeSecret, "task %s wants the secret %s, and it cannot be read: %v", task, name, err)
	}
	defer f.Close()
	if err := checkSecretFile(f, task, name, file); err != nil || !read {
		return file, "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", "", refuse(codeSecret, "task %s wants the secret %s, and it cannot be read: %v", task, name, err)
	case len(data) > maxSecret || bytes.IndexByte(data, 0) >= 0:
		return "", "", refuse(codeSecret, "the secret %s is too long for a variable, or holds a NUL byte; let task %s have it as a file: flyte.Secret(…, mount=\"/etc/flyte/secrets\")", name, task)
	}
	return file, strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func missing(task, name, file string) error {
	return refuse(codeSecret, "task %s wants the secret %s, and there is none; write its value to the file %s, readable by its owner only (chmod 600)", task, name, file)
}

// checkSecretFile refuses what others can read, and what is no file.
func checkSecretFile(f *os.File, task, name, file string) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return refuse(codeSecret, "task %s wants the secret %s, and it cannot be read: %v", task, name, err)
	case !info.Mode().IsRegular():
		return refuse(codeSecret, "task %s wants the secret %s, and %s is no ordinary file; put the value into one", task, name, file)
	case info.Mode().Perm()&0o077 != 0:
		return refuse(codeSecret, "the secret %s, which task %s wants, can be read by others than its owner; run chmod 600 %s", name, task, file)
	}
	return nil
}
