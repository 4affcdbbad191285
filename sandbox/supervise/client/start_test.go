// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/sandbox"
)

// What lies on disk must not hold the values of the environment.
func TestSpecFileHasNoSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := writeSpec(sandbox.Spec{Dir: dir, Env: []string{"TOKEN=secret", "EMPTY=", "ODD"}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "secret") {
		t.Errorf("spec.json holds the value:\n%s", data)
	}
	var back sandbox.Spec
	if err := json.Unmarshal(data, &back); err != nil || !slices.Equal(back.Env, []string{"TOKEN", "EMPTY", "ODD"}) {
		t.Errorf("names = %v, %v", back.Env, err)
	}
}
