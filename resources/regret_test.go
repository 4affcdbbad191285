// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strings"
	"testing"
)

// regretsOf is everything that a person is told about a call.
func regretsOf(w *written) (warnings []Warning, err error) {
	r, warnings, err := w.resources()
	if err != nil {
		return warnings, err
	}
	_, more, err := r.Complete(DefaultProfile())
	return append(warnings, more...), err
}

func TestRegretVectors(t *testing.T) {
	type fields struct{ Fields map[string]tagged }
	var file struct {
		Count   int
		Vectors []struct {
			ID, Kind, Why, Suggestion string
			Input                     fields
			Replacement               *fields
			WireError                 *struct{ Text string } `json:"wire_error"`
		}
	}
	readVectors(t, "regrets.json", &file)
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("read %d vectors, the file says %d", len(file.Vectors), file.Count)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			w, err := writtenOf(v.Input.Fields)
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := regretsOf(w)
			said := text(warnings, err)
			t.Logf("%s (%s)\n  said: %s", v.Why, v.Suggestion, said)
			switch v.Kind {
			case "flyte-refuses", "sdk-fails-late":
				if err == nil {
					t.Errorf("%s, and it is no error: %s", v.Kind, said)
				}
			}
			if said == "" {
				t.Fatalf("nothing said about: %s", v.Why)
			}
			if v.Replacement == nil {
				return
			}
			for _, word := range wordsOf(v.Replacement.Fields) {
				if !strings.Contains(said, word) {
					t.Errorf("said %q, without %q (%s)", said, word, v.Suggestion)
				}
			}
			if len(v.Replacement.Fields) == 0 && !strings.Contains(said, "leave ") {
				t.Errorf("said %q, without how to leave it out", said)
			}
			r, err := writtenOf(v.Replacement.Fields)
			if err != nil {
				t.Fatal(err)
			}
			warnings, err = regretsOf(r)
			for _, w := range warnings {
				// A repaired spelling ("1Ki" for "1KI") may still be absurdly small or large: a vector of its own. So
				// may a size that is believable now ("1Mi"), which a cluster cannot start a task with.
				if (v.Kind != "flyte-refuses" || w.Code != CodeMisread) && w.Code != CodeFloor {
					t.Errorf("the replacement is clean, but: %s", w.Text)
				}
			}
			if err != nil {
				t.Errorf("the replacement is clean, but: %v", err)
			}
		})
	}
}

func text(warnings []Warning, err error) string {
	var parts []string
	for _, w := range warnings {
		parts = append(parts, w.Text)
	}
	if err != nil {
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, " | ")
}

// wordsOf lists the values that a useful hint names.
func wordsOf(fields map[string]tagged) []string {
	var out []string
	var walk func(v value)
	walk = func(v value) {
		switch v.kind {
		case tuple:
			for _, item := range v.items {
				walk(item)
			}
		case deviceKind:
			walk(v.dev.quantity)
			walk(v.dev.name)
			walk(v.dev.partition)
		case none:
		default:
			out = append(out, v.text)
		}
	}
	for _, f := range fields {
		if v, err := f.value(); err == nil {
			walk(v)
		}
	}
	return out
}

// TestRegretRules goes beyond the vectors.
func TestRegretRules(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Resources
		want string // "" is nothing at all
	}{
		{"clean", Resources{CPU: Of("500m"), Memory: Of("1.5Gi"), Disk: "10Gi", Shm: "512Mi", GPU: &Device{1, ClassGPU, "T4", ""}}, ""},
		{"many cores", Resources{CPU: Of("256")}, ""},
		{"auto", Resources{Shm: Auto}, ""},
		{"unknown card", Resources{GPU: &Device{1, ClassGPU, "K80", ""}}, ""},
		{"both halves", Resources{Memory: Pair("400m", "800m")}, `did you mean memory=("400Mi", "800Mi")?`},
		{"blank and unit", Resources{Memory: Of("2 GB")}, `did you mean memory="2G"?`},
		{"thousands", Resources{Memory: Of("1,024Mi")}, `did you mean memory="1024Mi"?`},
		{"fraction of bytes", Resources{Memory: Of("1.3Gi")}, `did you mean memory="1332Mi"?`},
		{"reversed cpu", Resources{CPU: Pair("500m", "250m")}, `did you mean cpu=("250m", "500m")?`},
		{"device with a blank", Resources{GPU: &Device{1, ClassGPU, "T4 ", ""}}, `did you mean GPU("T4", 1)?`},
		{"device in small letters", Resources{GPU: &Device{1, ClassGPU, "t4", ""}}, `did you mean GPU("T4", 1)?`},
		{"tpu slice", Resources{GPU: &Device{1, ClassTPU, "V5P", "banana"}}, `did you mean TPU("V5P", "2x2x1")?`},
		{"zero beside no quantity", Resources{CPU: Pair("0", "abc")}, `cpu (0, "abc"): not a Kubernetes quantity`},
		{"no quantity beside zero", Resources{Memory: Pair("xyz", "0")}, `memory ("xyz", "0"): not a Kubernetes quantity`},
		{"zero beside a slip", Resources{Memory: Pair("0", "400m")}, `did you mean memory="400Mi"?`},
		{"exchanged, but for no number", Resources{CPU: Of("4Gi"), Memory: Of("nan")}, `memory "nan": not a quantity`},
		{"a slip, and a fraction of bytes", Resources{Memory: Of("1.3gi")}, `did you mean memory="1332Mi"?`},
		{"no unit, and a fraction of bytes with one", Resources{Memory: Of("1.3")}, `did you mean memory="1332Mi"?`},
		{"a slip, and no unit", Resources{Disk: ".5B"}, `did you mean disk=".5Gi"?`},
		{"partition without mig", Resources{GPU: &Device{1, ClassAMD, "MI300X", "1g.5gb"}}, `did you mean AMD_GPU("MI300X")?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			warnings, err := c.in.Validate()
			got := text(warnings, err)
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

// A limit that no cluster can start a task with is named; a low request, or a doubt of another kind, is not.
func TestBelowFloor(t *testing.T) {
	for _, c := range []struct {
		memory Range
		want   string
	}{
		{Of("6Mi"), CodeFloor},
		{Of("7Mi"), ""},
		{Pair("1Mi", "6Mi"), CodeFloor},
		{Pair("1Mi", "64Mi"), ""},
		{Of("6"), CodeMisread},
		{Range{}, ""},
	} {
		warnings, err := Resources{Memory: c.memory}.regrets()
		var got string
		for _, w := range warnings {
			got += w.Code
		}
		if err != nil || got != c.want {
			t.Errorf("memory %v: %q, %v, want %q", c.memory, got, err, c.want)
		}
	}
}
