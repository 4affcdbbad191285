// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// document writes a vector's fields as JSON, or says that JSON cannot; yamlNumbers allows .nan and .inf.
func document(fields map[string]tagged, yamlNumbers bool) (string, bool) {
	var parts []string
	for name, f := range fields {
		text, ok := f.document(yamlNumbers)
		if f.T == "device" && name == "gpu" { // elsewhere, a map is no device
			text, ok = f.deviceDocument(yamlNumbers)
		}
		if !ok {
			return "", false
		}
		key, _ := json.Marshal(name)
		parts = append(parts, string(key)+": "+text)
	}
	return "{" + strings.Join(parts, ", ") + "}", true
}

func (t tagged) document(yamlNumbers bool) (string, bool) {
	switch t.T {
	case "none":
		return "null", true
	case "bool":
		return string(t.V), true
	case "int":
		return t.text(), true
	case "float":
		s := t.text()
		special := map[string]string{"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[s]
		if special != "" {
			return special, yamlNumbers
		}
		return s, true
	case "str":
		return quoteBoth(t.text()), true
	case "tuple":
		var items []tagged
		_ = json.Unmarshal(t.V, &items)
		var parts []string
		for _, item := range items {
			s, ok := item.document(yamlNumbers)
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	}
	return "", false
}

// deviceDocument writes the call Device(...) as a map, unless it leaves out what the map form fills in.
func (t tagged) deviceDocument(yamlNumbers bool) (string, bool) {
	if t.Ctor != "Device" || len(t.Args) > 4 {
		return "", false
	}
	fields := map[string]tagged{}
	for i, a := range t.Args {
		fields[[]string{"quantity", "class", "device", "partition"}[i]] = a
	}
	for name, a := range t.Kwargs {
		if name == "device_class" {
			name = "class"
		}
		if _, twice := fields[name]; twice {
			return "", false
		}
		fields[name] = a
	}
	if class := fields["class"]; class.T != "str" || class.text() == "" || fields["quantity"].T == "none" || fields["quantity"].T == "" {
		return "", false
	}
	return document(fields, yamlNumbers)
}

// quoteBoth writes a string that both JSON and YAML read: YAML wants control characters escaped.
func quoteBoth(s string) string {
	text, _ := json.Marshal(s)
	var b strings.Builder
	for _, r := range string(text) {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// TestDecodersAgree runs the SDK's vectors through the JSON and YAML decoders: they must refuse with the SDK's text
// what it refuses, and nothing of the SDK's where it accepts.
func TestDecodersAgree(t *testing.T) {
	var file struct {
		Texts   map[string]string
		Vectors []sdkVector
	}
	readVectors(t, "resources.json", &file)
	decoders := map[string]func(string) error{
		"json": func(doc string) error { return json.Unmarshal([]byte(doc), new(Resources)) },
		"yaml": func(doc string) error { return yaml.Unmarshal([]byte(doc), new(Resources)) },
	}
	ran := 0
	for _, v := range file.Vectors {
		for name, decode := range decoders {
			doc, ok := document(v.Input.Fields, name == "yaml")
			if !v.Expressible || !ok {
				continue
			}
			ran++
			t.Run(name+"/"+v.ID, func(t *testing.T) {
				err := decode(doc)
				var sdk *SDKError
				errors.As(err, &sdk)
				switch {
				case v.Valid && sdk != nil:
					t.Errorf("%s: the SDK accepts it, we say %v", doc, err)
				case !v.Valid && err == nil:
					t.Errorf("%s: accepted", doc)
				case !v.Valid && v.Error.Type == "ValueError":
					want := strings.ReplaceAll(v.Error.Text, "{Accelerators}", file.Texts["Accelerators"])
					if sdk == nil || sdk.Error() != want {
						t.Errorf("%s\n got %v\nwant %q", doc, err, want)
					}
				}
			})
		}
	}
	if ran == 0 {
		t.Fatal("no vector fits")
	}
}

func TestDecode(t *testing.T) {
	a100 := &Device{Quantity: 1, Class: ClassGPU, Device: "A100", Partition: "1g.5gb"}
	for _, c := range []struct {
		name, yaml string
		want       Resources
	}{
		{"nothing", `{}`, Resources{}},
		{"null", `null`, Resources{}},
		{"numbers", `{cpu: 1, memory: 400Mi, shm: auto}`, Resources{CPU: Of("1"), Memory: Of("400Mi"), Shm: Auto}},
		{"float", `{cpu: 0.5}`, Resources{CPU: Of("0.5")}},
		{"whole float", `{cpu: 2.0}`, Resources{CPU: Of("2.0")}},
		{"string", `{cpu: "500m"}`, Resources{CPU: Of("500m")}},
		{"pairs", `{cpu: [1, 2], memory: [2Gi, 4Gi], disk: 10Gi}`, Resources{CPU: Pair("1", "2"), Memory: Pair("2Gi", "4Gi"), Disk: "10Gi"}},
		{"gpu count", `{gpu: 2}`, Resources{GPU: &Device{Quantity: 2, Class: ClassGPU}}},
		{"gpu none", `{gpu: 0}`, Resources{}},
		{"gpu literal", `{gpu: "A100:1"}`, Resources{GPU: &Device{Quantity: 1, Class: ClassGPU, Device: "A100"}}},
		{"gpu deprecated", `{gpu: "A100 80G:8"}`, Resources{GPU: &Device{Quantity: 8, Class: ClassGPU, Device: "A100_80G"}}},
		{"gpu map", `{gpu: {class: GPU, device: A100, quantity: 1, partition: 1g.5gb}}`, Resources{GPU: a100}},
		{"gpu short map", `{gpu: {device: A100, partition: 1g.5gb}}`, Resources{GPU: a100}},
		{"tpu", `{gpu: {device: V5P, partition: 2x2x1}}`, Resources{GPU: &Device{Quantity: 1, Class: ClassTPU, Device: "V5P", Partition: "2x2x1"}}},
		{"neuron", `{gpu: "Trn1:16"}`, Resources{GPU: &Device{Quantity: 16, Class: ClassNeuron, Device: "Trn1"}}},
		{"apple", `{gpu: AppleSilicon}`, Resources{GPU: AppleSilicon()}},
		{"alias", `{cpu: &n 2, memory: 1Gi, disk: "1Gi"}`, Resources{CPU: Of("2"), Memory: Of("1Gi"), Disk: "1Gi"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Resources
			if err := yaml.Unmarshal([]byte(c.yaml), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("YAML (-want +got):\n%s", diff)
			}
			roundTrip(t, got)
		})
	}
}

// roundTrip writes r and reads it back, in both formats.
func roundTrip(t *testing.T, r Resources) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Resources
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("through JSON %s (-want +got):\n%s", text, diff)
	}
	text, err = yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back = Resources{}
	if err := yaml.Unmarshal(text, &back); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("through YAML %s (-want +got):\n%s", text, diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "cpu: 1\nmemroy: 1Gi", `line 2: unknown key "memroy" in resources; the known ones are cpu, memory, gpu, disk, shm`},
		{"twice", "cpu: 1\ncpu: 2", `line 2: key "cpu" is given twice in resources; remove one`},
		{"list", "[1, 2]", `line 1: resources is a mapping with the keys cpu, memory, gpu, disk, shm; write it as {cpu: …}`},
		{"sdk text", "cpu: 1\nmemory: 512", "line 2: memory must be a Kubernetes quantity string such as '1Gi', '512Mi' or '2G', got int: 512"},
		{"device key", "gpu:\n  name: T4", `line 2: unknown key "name" in gpu; the known ones are class, device, quantity, partition`},
		{"device quantity", "cpu: 1\ngpu: {device: T4, quantity: 0}", "line 2: GPU quantity must be at least 1"},
		{"mapping", "memory: {request: 1Gi, limit: 2Gi}", "line 1: memory: a mapping has no place here; write one value, or [request, limit]"},
		{"unit", "disk: 10GB", `line 1: disk "10GB": Kubernetes writes units without the B; did you mean disk="10G"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := yaml.Unmarshal([]byte(c.yaml), new(Resources))
			var at *LineError
			if !errors.As(err, &at) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	for _, doc := range []string{`{"cpu":1,"cpu":2}`, `{"cpus":1}`, `[1]`, `{"gpu":{"name":"T4"}}`, `{"cpu":[[[[[[1]]]]]]}`, `{"cpu":{}}`, `{"gpu":{"device":{"device":{"device":{"device":{"device":{}}}}}}}`} {
		t.Run(doc, func(t *testing.T) {
			if err := json.Unmarshal([]byte(doc), new(Resources)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestParseFlags(t *testing.T) {
	r, warnings, err := ParseFlags(Flags{CPU: "1,2", Memory: "512Mi", GPU: "A100:1", Disk: "10Gi", Shm: "auto"})
	want := Resources{CPU: Pair("1", "2"), Memory: Of("512Mi"), GPU: &Device{1, ClassGPU, "A100", ""}, Disk: "10Gi", Shm: Auto}
	if diff := cmp.Diff(want, r); err != nil || len(warnings) > 0 || diff != "" {
		t.Errorf("warnings %v, error %v, (-want +got):\n%s", warnings, err, diff)
	}
	roundTrip(t, r)
	for _, c := range []struct {
		name  string
		flags Flags
		want  string
	}{
		{"fraction", Flags{Memory: "400m"}, `--memory "400m": the suffix m means thousandths of a byte; did you mean memory="400Mi"?`},
		{"three", Flags{CPU: "1,2,3"}, `--cpu "1,2,3": cpu tuple must have exactly two elements; write one value, or a request and a limit`},
		{"type", Flags{GPU: "t4:1"}, `--gpu "t4:1": not an accelerator that the SDK knows; did you mean "T4:1"?`},
		{"type alone", Flags{GPU: "V100"}, `--gpu "V100": not an accelerator that the SDK knows; did you mean "V100:1"?`},
		{"negative", Flags{GPU: "-1"}, `--gpu "-1": gpu must be greater than or equal to 0; ask for at least 1, or leave gpu out`},
		{"half", Flags{Memory: "1Gi,"}, `--memory "1Gi,": an empty request or limit is not the same as none; did you mean memory="1Gi"?`},
		{"both halves", Flags{Memory: "1 Gi,2GB"}, `--memory "1 Gi,2GB": no white space is allowed around or inside a quantity; did you mean --memory 1Gi,2G?`},
		{"no comma", Flags{Memory: "1Gi 2Gi"}, `--memory "1Gi 2Gi": a request and a limit stand apart with a comma; did you mean --memory 1Gi,2Gi?`},
		{"no comma for cpu", Flags{CPU: "1:2"}, `--cpu "1:2": a request and a limit stand apart with a comma; did you mean --cpu 1,2?`},
		{"pair of one size", Flags{Shm: "64Mi,128Mi"}, `--shm "64Mi,128Mi": one size, no request and limit; did you mean shm="128Mi"?`},
		{"decimal comma", Flags{Shm: "1,5Gi"}, `--shm "1,5Gi": the decimal separator is a point; did you mean shm="1.5Gi"?`},
		{"quotes", Flags{Memory: `'1Gi'`}, `--memory "'1Gi'": quotes are no part of a quantity; did you mean memory="1Gi"?`},
		{"negative bytes", Flags{Memory: "-1"}, `--memory "-1": negative; did you mean memory="1Gi"?`},
		{"none of them", Flags{GPU: "T4:0"}, `--gpu "T4:0": not an accelerator that the SDK knows; did you mean "T4:1"?`},
		{"too many", Flags{GPU: "A100:9"}, `--gpu "A100:9": not an accelerator that the SDK knows; did you mean "A100:8"?`},
		{"between", Flags{GPU: "Trn1:2"}, `--gpu "Trn1:2": not an accelerator that the SDK knows; did you mean "Trn1:4"?`},
		{"partition", Flags{GPU: "A100:1g.5gb"}, `--gpu "A100:1g.5gb": not an accelerator that the SDK knows; write it as a device: GPU("A100", 1, "1g.5gb") in a Flyte program, or gpu: {device: …, partition: …} in a task file`},
		{"hang", Flags{Memory: "1e2147483648"}, `--memory "1e2147483648": the exponent has more than two digits; name a size below 8Ei`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := ParseFlags(c.flags)
			var field *FieldError
			if !errors.As(err, &field) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseGPU(t *testing.T) {
	d, warnings, err := ParseGPU("A100 80G:8")
	if diff := cmp.Diff(&Device{8, ClassGPU, "A100_80G", ""}, d); err != nil || diff != "" {
		t.Fatalf("error %v (-want +got):\n%s", err, diff)
	}
	if got := text(warnings, nil); got != "GPU type 'A100 80G' is deprecated, use 'A100_80G' instead." {
		t.Errorf("warnings %q", got)
	}
	for _, l := range Literals() {
		d, _, err := ParseGPU(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		if back, ok := d.Literal(); !ok || back != l && l != "AppleSilicon" {
			t.Errorf("%s came back as %q", l, back)
		}
	}
	if d, _, err := ParseGPU("0"); d != nil || err != nil {
		t.Errorf("0: %v %v", d, err)
	}
	_, _, err = ParseGPU("nope")
	if !isSDKError(err) || !strings.HasPrefix(err.Error(), "gpu must be one of typing.Literal['A2:1', ") || !strings.HasSuffix(err.Error(), ", got nope") {
		t.Errorf("error %v", err)
	}
	if brief := Brief(err); brief.Error() != `gpu "nope": not an accelerator that the SDK knows; name one the SDK knows, such as "T4:1", or a plain count` || !isSDKError(brief) {
		t.Errorf("in short: %v", brief)
	}
	if _, _, err = ParseGPU("-1"); Brief(err) != err {
		t.Errorf("in short: %v", Brief(err))
	}
}

// A task file's wrong accelerator is told without the list of all.
func TestYAMLBrief(t *testing.T) {
	var r Resources
	err := yaml.Unmarshal([]byte("cpu: 1\ngpu: A100:x\n"), &r)
	const want = `gpu "A100:x": not an accelerator that the SDK knows; did you mean "A100:1"?`
	if line, ok := errors.AsType[*LineError](err); !ok || line.Line != 2 || line.Err.Error() != want {
		t.Errorf("got %v", err)
	}
}
