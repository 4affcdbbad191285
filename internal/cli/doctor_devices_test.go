// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/gpu/health"
	"drydock/internal/devicecheck"
	"drydock/resources"
)

// withEngine is fakeSandboxes with a container engine to ask about devices.
type withEngine struct{ fakeSandboxes }

func (withEngine) DeviceEngine(context.Context, Place) *devicecheck.Engine {
	return &devicecheck.Engine{Name: "Fake Engine 1.0", Local: true, Runtimes: []string{"nvidia"}}
}

// doctor says of accelerators what keeps them from tasks, as text and for
// programs, and nothing of it makes the machine a bad one.
func TestDoctorAccelerators(t *testing.T) {
	w, out := devicesWorld(t, workshop())
	w.Sandboxes = withEngine{}
	w.Environ = []string{"DRYDOCK_STATE_DIR=" + t.TempDir(), "XDG_CONFIG_HOME=" + t.TempDir(), "DRYDOCK_LEASE_DIR=" + leaseDirOf(t)}
	if err := runDoctor(t.Context(), w, doctorOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\naccelerators:\n", "ok            nvidia-toolkit  registered with Fake Engine 1.0\n",
		"problem       GPU-shut        NVIDIA H100 80GB HBM3 is of type H100: compute mode PROHIBITED\n", "fix: sudo nvidia-smi -i GPU-shut -c DEFAULT\n",
		"warning       nvidia-driver   MIG device 3 of GPU-cut cannot be read: no permission\n",
		"problem       GPU-turn", "AMD Instinct?[31m is of type MI250 or MI250X",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says\n%s\nwant %q in it", out, want)
		}
	}
	out.Reset()
	if err := runDoctor(t.Context(), w, doctorOptions{JSON: true}); err != nil {
		t.Fatal(err)
	}
	var doc doctorDocument
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	sick := devicecheck.Finding{Name: "GPU-sick", State: devicecheck.Problem, Why: "NVIDIA H100 80GB HBM3 is of type H100: the GPU is lost: it fell off the bus"}
	if !doc.OK || !slices.ContainsFunc(doc.Accelerators, func(f devicecheck.Finding) bool {
		f.Fix = ""
		return f == sick
	}) {
		t.Errorf("%s", out)
	}
}

// A reported error stays until --refresh finds the GPU well.
func TestDevicesRefresh(t *testing.T) {
	w, out := devicesWorld(t, gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-free", Class: resources.ClassGPU, Name: "NVIDIA L4", Type: "L4"}}})
	if err := health.Add(leaseDirOf(t), gpu.XID{GPU: "GPU-free", Code: 79}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		refresh bool
		want    string
	}{
		{false, "unhealthy  XID 79, it fell off the bus\n"},
		{false, "unhealthy  XID 79, it fell off the bus\n"},
		{true, "GPU-free is found well: tasks may have it again\n"},
		{false, "  free\n"},
	} {
		out.Reset()
		if err := runDevices(t.Context(), w, devicesOptions{Refresh: c.refresh}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("--refresh=%v: %s, want %q in it", c.refresh, out, c.want)
		}
	}
}

// leaseDirOf is the lease directory that devicesWorld set.
func leaseDirOf(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("DRYDOCK_LEASE_DIR")
	if !strings.HasPrefix(dir, os.TempDir()) {
		t.Fatalf("marks would go to %s", dir)
	}
	return dir
}
