// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// vectorFiles names files to try in place of those in testdata, as "resources.json=/tmp/more.json,...". The SDK's
// vectors among them may lack the cluster part.
var vectorFiles = flag.String("vectors", "", "read vectors from elsewhere: name=file, separated by commas")

// readVectors decodes a file of testdata, or what -vectors names in its place; one that is missing fails the test.
func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	file := "testdata/" + name
	for _, pair := range strings.Split(*vectorFiles, ",") {
		if from, to, ok := strings.Cut(pair, "="); ok && from == name {
			file = to
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the vectors are part of the package: %v", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// tagged is a value of the vectors: Python tells 1 from 1.0 from True, JSON does not.
type tagged struct {
	T      string            `json:"t"`
	V      json.RawMessage   `json:"v"`
	Ctor   string            `json:"ctor"`
	Args   []tagged          `json:"args"`
	Kwargs map[string]tagged `json:"kwargs"`
}

// errCall is Python's complaint about a call; typed Go and strict decoders have no way to write such a call.
var errCall = errors.New("no such call")

func (t tagged) text() string {
	var s string
	if json.Unmarshal(t.V, &s) == nil {
		return s
	}
	return ""
}

func (t tagged) value() (value, error) {
	switch t.T {
	case "none":
		return value{}, nil
	case "bool":
		return boolValue(string(t.V) == "true"), nil
	case "int":
		return value{kind: integer, text: t.text()}, nil
	case "float":
		return value{kind: float, text: t.text()}, nil
	case "str":
		return strValue(t.text()), nil
	case "tuple":
		var items []tagged
		if err := json.Unmarshal(t.V, &items); err != nil {
			return value{}, err
		}
		v := value{kind: tuple}
		for _, item := range items {
			got, err := item.value()
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, got)
		}
		return v, nil
	case "device":
		d, err := t.construct()
		return value{kind: deviceKind, dev: d}, err
	}
	return value{}, fmt.Errorf("a %s is not expressible", t.T)
}

// construct makes the call of a device constructor, as Python binds its arguments.
func (t tagged) construct() (*device, error) {
	params := map[string][]string{
		"GPU": {"device", "quantity", "partition"}, "TPU": {"device", "partition"}, "Neuron": {"device"},
		"AMD_GPU": {"device"}, "HABANA_GAUDI": {"device"}, "APPLE_SILICON": {},
		"Device": {"quantity", "device_class", "device", "partition"},
	}[t.Ctor]
	needed := map[string]int{"GPU": 2, "TPU": 1, "Neuron": 1, "AMD_GPU": 1, "HABANA_GAUDI": 1, "Device": 2}[t.Ctor]
	if len(t.Args) > len(params) {
		return nil, errCall
	}
	got := map[string]value{}
	for i, a := range t.Args {
		v, err := a.value()
		if err != nil {
			return nil, err
		}
		got[params[i]] = v
	}
	for name, a := range t.Kwargs {
		known := false
		for _, p := range params {
			known = known || p == name
		}
		if _, twice := got[name]; twice || !known {
			return nil, errCall
		}
		v, err := a.value()
		if err != nil {
			return nil, err
		}
		got[name] = v
	}
	for _, p := range params[:needed] {
		if _, ok := got[p]; !ok {
			return nil, errCall
		}
	}
	switch t.Ctor {
	case "GPU":
		d, _, err := newGPU(got["device"], got["quantity"], got["partition"])
		return d, err
	case "TPU":
		return newTPU(got["device"], got["partition"])
	case "Neuron":
		return newSingle(ClassNeuron, "Neuron", got["device"])
	case "AMD_GPU":
		return newSingle(ClassAMD, "AMD GPU", got["device"])
	case "HABANA_GAUDI":
		return newSingle(ClassGaudi, "Habana Gaudi", got["device"])
	case "APPLE_SILICON":
		return AppleSilicon().raw(), nil
	}
	return newDevice(got["quantity"], got["device_class"], got["device"], got["partition"])
}

// writtenOf makes the call that a vector's fields describe.
func writtenOf(fields map[string]tagged) (*written, error) {
	w := &written{}
	for name, f := range fields {
		v, err := f.value()
		if err != nil {
			return nil, err
		}
		known := false
		for _, k := range w.fields() {
			known = known || k == name
		}
		if !known {
			return nil, errCall
		}
		*w.field(name) = v
	}
	return w, nil
}

func isSDKError(err error) bool {
	var sdk *SDKError
	return errors.As(err, &sdk)
}

// lines shows entries for a comparison.
func entryText(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s=%q ", e.Name, e.Value)
	}
	return b.String()
}
