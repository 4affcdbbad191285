// SPDX-License-Identifier: Apache-2.0

package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindShim(t *testing.T) {
	dir := t.TempDir()
	shim := filepath.Join(dir, "drydock-shim")
	if _, err := findShim(shim); err == nil || !strings.Contains(err.Error(), "does not exist") || !strings.Contains(err.Error(), "DRYDOCK_SHIM") {
		t.Errorf("missing shim: %v", err)
	}
	if err := os.WriteFile(shim, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := findShim(shim); err == nil || !strings.Contains(err.Error(), "not an executable") {
		t.Errorf("shim without the execute bit: %v", err)
	}
	if err := os.Chmod(shim, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DRYDOCK_SHIM", shim)
	if got, err := findShim(""); err != nil || got != shim {
		t.Errorf("DRYDOCK_SHIM: %s, %v", got, err)
	}
}
