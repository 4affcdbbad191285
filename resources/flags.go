// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"errors"
	"regexp"
	"strings"
)

// Flags are the values of --cpu, --memory, --gpu, --disk and --shm; "" means not given.
type Flags struct {
	CPU    string // R or R,L
	Memory string // R or R,L
	GPU    string // a count, or Type:N
	Disk   string
	Shm    string // a size, or auto
}

// ParseFlags reads flags and validates the result. The error is a *FieldError that names the flag; beneath it may
// lie an *SDKError.
func ParseFlags(f Flags) (Resources, []Warning, error) {
	w := &written{cpu: pairOf(f.CPU), memory: pairOf(f.Memory), disk: optional(f.Disk), shm: optional(f.Shm)}
	w.gpu = gpuFlag(f.GPU)
	r, warnings, err := w.resources()
	if err != nil {
		return Resources{}, warnings, f.blame(err)
	}
	return r, warnings, nil
}

// ParseGPU reads what --gpu and gpu= take as text: a count ("2") or an accelerator ("A100:1"). It returns nil for
// "0". The error is an *SDKError with the SDK's text, and a hint, or a *FieldError.
func ParseGPU(s string) (*Device, []Warning, error) {
	if s == "" {
		return nil, nil, &FieldError{Field: "gpu", Reason: "no accelerator given", Hint: `write a count or a type, such as "T4:1"`}
	}
	return gpuOf(gpuFlag(s))
}

// gpuOf judges a value of gpu alone.
func gpuOf(v value) (*Device, []Warning, error) {
	w := &written{gpu: v}
	r, warnings, err := w.resources()
	return r.GPU, warnings, err
}

// gpuFlag takes whole numbers as counts, as a person means them.
func gpuFlag(s string) value {
	if v := numberOrString(s); v.kind == integer {
		return v
	}
	return optional(s)
}

// pairOf splits R,L. More parts make a tuple that the SDK's rule refuses.
func pairOf(s string) value {
	if s == "" {
		return value{}
	}
	parts := strings.Split(s, ",")
	if len(parts) == 1 {
		return strValue(s)
	}
	v := value{kind: tuple}
	for _, p := range parts {
		v.items = append(v.items, strValue(strings.TrimSpace(p)))
	}
	return v
}

// asDevice begins the hint for what no text of gpu= can say.
const asDevice = "write it as a device: "

var pythonPair = regexp.MustCompile(`(cpu|memory)=\([^()]*\)`)

// flagPair writes a pair the way the flag takes it: memory=("1Gi", "2Gi") is --memory 1Gi,2Gi.
func flagPair(s string) string {
	field, pair, _ := strings.Cut(strings.TrimSuffix(s, ")"), "=(")
	return "--" + field + " " + strings.NewReplacer(`"`, "", " ", "").Replace(pair)
}

// blame names the flag an error is about.
func (f Flags) blame(err error) error {
	out := &FieldError{Reason: err.Error(), Err: err}
	var sdk *SDKError
	var field *FieldError
	switch brief := Brief(err); {
	case errors.As(brief, &field):
		out.Field, out.Reason, out.Hint = field.Field, field.Reason, field.Hint
	case errors.As(brief, &sdk):
		out.Field, out.Reason, out.Hint = sdk.Field, sdk.Text, sdk.Hint
	}
	if strings.HasPrefix(out.Hint, asDevice) { // a flag has no way to write one
		out.Hint += " in a Flyte program, or gpu: {device: …, partition: …} in a task file"
	}
	out.Flag = "--" + out.Field
	out.Hint = pythonPair.ReplaceAllStringFunc(out.Hint, flagPair)
	out.Value = map[string]string{"cpu": f.CPU, "memory": f.Memory, "gpu": f.GPU, "disk": f.Disk, "shm": f.Shm}[out.Field]
	return out
}
