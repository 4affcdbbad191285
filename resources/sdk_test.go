// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type accelVector struct {
	Device        string `json:"device"`
	DeviceClass   int    `json:"device_class"`
	PartitionSize string `json:"partition_size"`
}

type amount struct{ Quantity, Value, Milli string }

type clusterVector struct {
	Error        string            `json:"error"`
	Requests     map[string]amount `json:"requests"`
	Limits       map[string]amount `json:"limits"`
	ShmSizeLimit *amount           `json:"shm_size_limit"`
	ShmError     string            `json:"shm_error"`
}

type sdkVector struct {
	ID          string                              `json:"id"`
	Input       struct{ Fields map[string]tagged }  `json:"input"`
	Expressible bool                                `json:"expressible"`
	Valid       bool                                `json:"valid"`
	Error       *struct{ Stage, Type, Text string } `json:"error"`
	PythonRepr  string                              `json:"python_repr"`
	WireError   *struct{ Stage, Type, Text string } `json:"wire_error"`
	Wire        *struct {
		Resources *struct{ Requests, Limits []Entry } `json:"resources"`
		Extended  *struct {
			GPU    *accelVector `json:"gpu_accelerator"`
			Shared *struct {
				SizeLimit string `json:"size_limit"`
			} `json:"shared_memory"`
		} `json:"extended_resources"`
	} `json:"wire"`
	Cluster *clusterVector `json:"cluster"`
}

func TestSDKVectors(t *testing.T) {
	var file struct {
		Texts   map[string]string
		Count   int
		Vectors []sdkVector
	}
	readVectors(t, "resources.json", &file)
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("read %d vectors, the file says %d", len(file.Vectors), file.Count)
	}
	for _, v := range file.Vectors {
		if !v.Expressible {
			continue // values that only Python can write
		}
		t.Run(v.ID, func(t *testing.T) {
			w, err := writtenOf(v.Input.Fields)
			if err == nil {
				_, err = w.check()
			}
			if v.Valid != (err == nil) {
				t.Fatalf("valid = %v, error = %v", v.Valid, err)
			}
			if err != nil {
				checkRefusal(t, err, v.Error.Type, strings.ReplaceAll(v.Error.Text, "{Accelerators}", file.Texts["Accelerators"]))
				return
			}
			checkWire(t, w, v)
			checkSecondReading(t, w)
		})
	}
}

func checkRefusal(t *testing.T, err error, kind, text string) {
	t.Helper()
	if kind == "TypeError" {
		if isSDKError(err) {
			t.Errorf("Python's complaint about a call became the SDK's: %v", err)
		}
		return
	}
	if !isSDKError(err) || err.Error() != text {
		t.Errorf("error\n got %q\nwant %q", err, text)
	}
}

func checkWire(t *testing.T, w *written, v sdkVector) {
	t.Helper()
	got, err := w.wire()
	if (v.WireError != nil) != (err != nil) {
		t.Fatalf("wire error = %v, want %+v", err, v.WireError)
	}
	if err != nil {
		return
	}
	if v.Wire == nil {
		return
	}
	var want Wire
	if v.Wire.Resources != nil {
		want.Requests, want.Limits = v.Wire.Resources.Requests, v.Wire.Resources.Limits
	}
	if x := v.Wire.Extended; x != nil {
		if x.GPU != nil {
			want.Accelerator = &WireAccelerator{Device: x.GPU.Device, Class: x.GPU.DeviceClass, Partition: x.GPU.PartitionSize,
				Partitioned: x.GPU.PartitionSize != ""}
		}
		if x.Shared != nil {
			want.SharedMemory = &x.Shared.SizeLimit
		}
	}
	if diff := cmp.Diff(entryText(want.Requests), entryText(got.Requests)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(entryText(want.Limits), entryText(got.Limits)); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Accelerator, got.Accelerator); diff != "" {
		t.Errorf("accelerator (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.SharedMemory, got.SharedMemory); diff != "" {
		t.Errorf("shared memory (-want +got):\n%s", diff)
	}
	if v.Cluster != nil {
		checkCluster(t, got, *v.Cluster, flytePlatform(), true)
	}
}

// flytePlatform is Flyte without platform settings.
func flytePlatform() platform {
	p, err := DefaultProfile().platform()
	if err != nil {
		panic(err)
	}
	return p
}

func checkCluster(t *testing.T, w Wire, want clusterVector, p platform, defaults bool) {
	t.Helper()
	name := kubeGPU
	if w.Accelerator != nil {
		for _, c := range classes {
			if c.number == w.Accelerator.Class {
				name = c.resource
			}
		}
	}
	requests, err := parseEntries(w.Requests, name)
	var limits list
	if err == nil {
		limits, err = parseEntries(w.Limits, name)
	}
	if err != nil || want.Error != "" {
		if got := fmt.Sprint(err); got != want.Error {
			t.Errorf("cluster error\n got %q\nwant %q", got, want.Error)
		}
		return
	}
	checkShm(t, w, want)
	if want.ShmError != "" {
		return
	}
	gotRequests, gotLimits := p.apply(requests, limits, defaults)
	if diff := cmp.Diff(want.Requests, amounts(gotRequests)); diff != "" {
		t.Errorf("cluster requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Limits, amounts(gotLimits)); diff != "" {
		t.Errorf("cluster limits (-want +got):\n%s", diff)
	}
}

func checkShm(t *testing.T, w Wire, want clusterVector) {
	t.Helper()
	if w.SharedMemory == nil {
		return
	}
	size, err := parseShm(*w.SharedMemory)
	if want.ShmError != "" {
		if got := "[BadTaskSpecification] Unable to parse size limit: " + fmt.Sprint(err); got != want.ShmError {
			t.Errorf("shm error\n got %q\nwant %q", got, want.ShmError)
		}
		return
	}
	if err != nil || want.ShmSizeLimit == nil {
		t.Fatalf("shm: error = %v, want %+v", err, want.ShmSizeLimit)
	}
	if diff := cmp.Diff(*want.ShmSizeLimit, amountOf(size)); diff != "" {
		t.Errorf("shm size limit (-want +got):\n%s", diff)
	}
}

// checkSecondReading: what we accept as Resources sends the same as the Python call did.
func checkSecondReading(t *testing.T, w *written) {
	t.Helper()
	first, err := w.wire()
	r, _, err2 := w.resources()
	if err != nil || err2 != nil || w.gpu.kind == deviceKind || w.shm.text == "" && w.shm.kind == str {
		return // refused by us, or normalised on the way
	}
	second, err := r.Wire()
	if err != nil {
		t.Fatalf("what was accepted does not serialise: %v", err)
	}
	if diff := cmp.Diff(first, second); diff != "" && entryText(first.Requests) != entryText(second.Requests) {
		t.Errorf("Resources sends something else (-call +Resources):\n%s", diff)
	}
}
