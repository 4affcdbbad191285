// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/integration/engines"
	"drydock/sandbox"
)

// What engines, runtimes and NVIDIA's tools say, with what it means.
func TestDeviceFailure(t *testing.T) {
	for _, tc := range []struct {
		said, means, remedy string
		stale               bool
	}{
		// Docker Engine 20.10 and 28.5 without the toolkit.
		{`could not select device driver "nvidia" with capabilities: [[gpu compute utility]]`, "Docker cannot pass GPUs: the NVIDIA Container Toolkit was not found by the Docker daemon",
			"install nvidia-container-toolkit, run `sudo nvidia-ctk runtime configure --runtime=docker`, and restart Docker", false},
		{`could not select device driver "" with capabilities: [[gpu]]`, "the NVIDIA Container Toolkit was not found", "install nvidia-container-toolkit", false},
		{`could not select device driver "cdi" with capabilities: []`, "does not know CDI", "28.2", false},
		{`CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=GPU-a`, "unresolvable CDI devices", "nvidia-ctk cdi generate", true},
		{`CDI device injection failed: failed to inject devices: failed to stat CDI host device "/dev/nvidia-uvm": no such file or directory`, "nvidia-uvm is not loaded", "nvidia-modprobe", false},
		{`CDI device injection failed: failed to stat CDI host device "/dev/nvidia3": no such file or directory`, "/dev/nvidia3", "nvidia-ctk cdi generate", false},
		{`Unknown runtime specified nvidia`, "the NVIDIA Container Toolkit was not found", "restart Docker", false},
		{`unknown or invalid runtime name: nvidia`, "the NVIDIA Container Toolkit was not found", "restart Docker", false},
		{`error gathering device information while adding custom device "/dev/dri/renderD129": no such file or directory`, "renderD129", "drydock devices", true},
		{`OCI runtime create failed: container_linux.go:380: starting container process caused: process_linux.go:545: container init caused: Running hook #0:: error running hook: exit status 1, stdout: , stderr: nvidia-container-cli: device error: GPU-a: unknown device: unknown`, "unknown device", "drydock devices", true},
		{`nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory`, "libnvidia-ml.so.1", "nvidia-smi", false},
		{`nvidia-container-cli: initialization error: nvml error: driver not loaded`, "driver not loaded", "nvidia-smi", false},
		{`nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your driver to a newer version`, "unsatisfied condition", "upgrade the driver", false},
	} {
		got := deviceFailure(tc.said)
		if got == nil || !strings.Contains(got.Message, tc.means) || !strings.Contains(got.Remedy, tc.remedy) || got.Stale != tc.stale {
			t.Errorf("%s\nmeans %+v", tc.said, got)
		}
	}
	for _, said := range []string{`exec: "nvidia-smi": executable file not found in $PATH`, "no such image: nvidia/cuda", "unknown capability: NVIDIA"} {
		if got := deviceFailure(said); got != nil {
			t.Errorf("%s\nis taken for %+v", said, got)
		}
	}
}

func TestDropsRequests(t *testing.T) {
	for version, want := range map[string]bool{"4.3.1": true, "4.9.3": true, "5.3.2": true, "5.4.0-rc1": false, "5.4.0": false, "5.10.1": false, "6.0.0": false} {
		if got := (Info{Product: productPodman, Version: version}).DropsRequests(); got != want {
			t.Errorf("Podman %s: %v", version, got)
		}
	}
	if (Info{Product: productDocker, Version: "20.10.24"}).DropsRequests() {
		t.Error("Docker says so itself")
	}
}

// CDI's names by file: those of JSON and YAML count, others and broken ones do
// not.
func describe(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{
		"nvidia.yaml":   "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}\n- name: GPU-a\n",
		"other.json":    `{"cdiVersion":"0.6.0","kind":"example.com/net","devices":[{"name":"n1"},{"name":"n1"}]}`,
		"broken.yaml":   "kind: [",
		"kindless.json": `{"devices":[{"name":"GPU-b"}]}`,
		"note.txt":      "kind: nvidia.com/gpu\ndevices: [{name: GPU-c}]\n",
	} {
		write(t, filepath.Join(dir, name), content, 0o644)
	}
	return dir
}

var described = []string{"example.com/net=n1", "nvidia.com/gpu=0", "nvidia.com/gpu=GPU-a"}

// An engine that lists its devices is believed; for an older one the files that
// it names are read, if they are this machine's.
func TestCDIDevices(t *testing.T) {
	dir := describe(t)
	for name, tc := range map[string]struct {
		api, info string
		local     bool
		want      []string
	}{
		"listed":        {api: "1.50", info: `"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=GPU-a"},{"Source":"other","ID":"x"}]`, local: true, want: []string{"nvidia.com/gpu=GPU-a"}},
		"listed, none":  {api: "1.51", info: `"DiscoveredDevices":[]`, local: true},
		"from files":    {api: "1.47", local: true, want: described},
		"of files afar": {api: "1.47"},
		"without CDI":   {api: "1.41", info: `"CDISpecDirs":null`, local: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.api = tc.api
			e := f.open(t)
			e.info.Local = tc.local
			if tc.info == "" {
				tc.info = fmt.Sprintf(`"CDISpecDirs":["/no/such/directory",%q]`, dir)
			}
			f.info = "{" + tc.info + "}"
			got, err := e.CDIDevices(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Real engines refuse what no specification describes, at the start, and the
// container is still there to be removed.
func TestUnresolvableDevice(t *testing.T) {
	for _, kind := range engines.Kinds() {
		if kind == engines.Pod {
			continue // 4.3 does not read the request
		}
		t.Run(kind.String(), func(t *testing.T) {
			lab := engines.Shared(t, kind)
			e := openLab(t, lab)
			c := shell(t, lab, "exit 0")
			c.Request = &DeviceRequest{Driver: "cdi", IDs: []string{"nvidia.com/gpu=GPU-no-such"}}
			id := made(t, e, c)
			state, err := e.Inspect(t.Context(), id)
			if err != nil || !cmp.Equal(state.DeviceIDs, c.Request.IDs) {
				t.Errorf("it was asked for %v, %v", state.DeviceIDs, err)
			}
			err = e.Start(t.Context(), id)
			failed, ok := errors.AsType[*StartError](err)
			if !ok || failed.Reason != sandbox.StartAccelerator || failed.Remedy == "" {
				t.Fatalf("%v", err)
			}
			if want := map[engines.Kind]bool{engines.V20: false, engines.V28: true}[kind]; failed.Stale != want {
				t.Errorf("%+v", failed)
			}
		})
	}
}

// NVIDIA's runtime is missing already when a container is made.
func TestNoRuntime(t *testing.T) {
	for _, kind := range engines.Kinds() {
		if kind == engines.Pod {
			continue // it is never asked so
		}
		t.Run(kind.String(), func(t *testing.T) {
			lab := engines.Shared(t, kind)
			c := shell(t, lab, "exit 0")
			c.Runtime = "nvidia"
			id, _, err := openLab(t, lab).Create(t.Context(), c)
			if failed, ok := errors.AsType[*StartError](err); !ok || failed.Reason != sandbox.StartAccelerator || id != "" {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
}

// Podman makes a container's processes when it is told to, and then says which
// devices they have; the program runs with the start alone.
func TestInitialise(t *testing.T) {
	lab := engines.Podman(t)
	e := openLab(t, lab)
	ran := filepath.Join(t.TempDir(), "ran")
	c := shell(t, lab, "touch /out/ran")
	c.Binds = []Bind{{Source: filepath.Dir(ran), Target: "/out"}}
	c.Devices = []string{"/dev/null", "/dev/full"}
	id := made(t, e, c)
	if err := e.Initialise(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	state, err := e.Inspect(t.Context(), id)
	if err != nil || !cmp.Equal(state.Devices, c.Devices) {
		t.Errorf("it has %v, %v", state.Devices, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the program ran already")
	}
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if exit, err := e.Wait(t.Context(), id); err != nil || exit.Code != 0 {
		t.Errorf("%+v, %v", exit, err)
	}
	if _, err := os.Stat(ran); err != nil {
		t.Error(err)
	}
	if err := e.Initialise(t.Context(), strings.Repeat("0", 64)); KindOf(err) != NotFound {
		t.Errorf("of a container that is not there: %v", err)
	}
}

// Words of a Podman that could not.
func TestInitialiseFails(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /v4.0.0/libpod/containers/one/init", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"cause":"x","message":"setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=GPU-a","response":500}`)
	})
	err := f.open(t).Initialise(t.Context(), "one")
	if failed, ok := errors.AsType[*StartError](err); !ok || failed.Reason != sandbox.StartAccelerator || !failed.Stale {
		t.Errorf("%v", err)
	}
}
