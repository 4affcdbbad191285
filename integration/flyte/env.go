// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Variable is an environment variable.
type Variable struct{ Name, Value string }

// StorageEnv is what a program on this machine needs in its environment so
// that the SDK reads and writes the object storage of the server at an
// endpoint. The values are secrets, and only the state directory's owner can
// read them.
func (h Home) StorageEnv(endpoint string) ([]Variable, error) {
	// The store's own file: a server has the store itself open.
	path := filepath.Join(h.objects(), "keys.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys struct{ AccessKey, SecretKey string }
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if keys.AccessKey == "" || keys.SecretKey == "" {
		return nil, errors.New(path + " holds no keys")
	}
	return []Variable{
		{"FLYTE_AWS_ENDPOINT", "http://" + endpoint},
		{"FLYTE_AWS_ACCESS_KEY_ID", keys.AccessKey},
		{"FLYTE_AWS_SECRET_ACCESS_KEY", keys.SecretKey},
	}, nil
}

// ClientConfig writes a configuration file of the SDK's that names a project
// and a domain, and returns its path.
func (h Home) ClientConfig(project, domain string) (string, error) {
	path := filepath.Join(h.dir(), "client.yaml")
	text := fmt.Sprintf("# Written by drydock flyte for whoever has no configuration of their own.\ntask:\n  project: %s\n  domain: %s\n", project, domain)
	if data, err := os.ReadFile(path); err == nil && string(data) == text {
		return path, nil
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}
