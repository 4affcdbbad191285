// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The program that is installed reads the GPUs in a process of its own:
// where there is a driver it is the library that answers, and where there is
// none the program says so and lives.
func TestDevices(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), drydock(t), "devices", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Type     string
		Driver   *struct{ Source string }
		Devices  []struct{ ID, Class, State string }
		Problems []struct{ Text string }
	}
	if err := json.Unmarshal(out, &doc); err != nil || doc.Type != "devices" {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat("/dev/nvidiactl"); err != nil {
		if !strings.Contains(string(out), "NVIDIA") || len(doc.Problems) == 0 {
			t.Errorf("without a driver it says %s", out)
		}
		return
	}
	if doc.Driver == nil || doc.Driver.Source != "nvml" || len(doc.Devices) == 0 || !strings.HasPrefix(doc.Devices[0].ID, "GPU-") {
		t.Errorf("with a driver it says %s", out)
	}
}
