// SPDX-License-Identifier: Apache-2.0

package resources

import "slices"

// written is the call flyte.Resources(...) as it was made. Every decoder fills one; it alone knows the SDK's rules.
type written struct {
	cpu, memory, gpu, disk, shm value
}

const (
	textQuantityString = " must be a Kubernetes quantity string such as '1Gi', '512Mi' or '2G', got "
	textCPU            = "cpu must be a core count or a Kubernetes quantity string such as 1, 0.5 or '100m', got "
	textGPU            = "gpu must be an accelerator string such as 'A100:4', a device count, or a GPU()/TPU()/Device() instance, got "
)

// hintPair says what a flag or a sequence may hold.
const hintPair = "write one value, or a request and a limit"

// check applies the SDK's rules in the SDK's order (Resources.__post_init__), and replaces deprecated spellings.
func (w *written) check() ([]Warning, error) {
	if w.cpu.kind == tuple && len(w.cpu.items) != 2 {
		return nil, &SDKError{Field: "cpu", Text: "cpu tuple must have exactly two elements", Hint: hintPair}
	}
	if w.memory.kind == tuple && len(w.memory.items) != 2 {
		return nil, &SDKError{Field: "memory", Text: "memory tuple must have exactly two elements", Hint: hintPair}
	}
	if err := checkCPU(w.cpu, true); err != nil {
		return nil, err
	}
	if err := checkQuantityString("memory", w.memory, true); err != nil {
		return nil, err
	}
	if err := checkQuantityString("disk", w.disk, false); err != nil {
		return nil, err
	}
	if err := checkQuantityString("shm", w.shm, false); err != nil {
		return nil, err
	}
	return w.checkGPU()
}

// checkCPU is _check_cpu_quantity; whole says that v is the argument itself, not half of a pair.
func checkCPU(v value, whole bool) error {
	switch {
	case v.kind == none && whole:
		return nil
	case v.kind == none:
		return &SDKError{Field: "cpu", Text: "cpu pair elements must both be set, got None"}
	case v.kind == tuple && whole:
		return checkBoth(v, func(half value) error { return checkCPU(half, false) })
	case !v.isNumber() && v.kind != str:
		return &SDKError{Field: "cpu", Text: textCPU + v.kind.String() + ": " + v.repr()}
	}
	if negative, _ := v.number(); negative {
		return &SDKError{Field: "cpu", Text: "cpu must be greater than or equal to 0"}
	}
	return nil
}

// checkQuantityString is _check_quantity_string.
func checkQuantityString(field string, v value, pair bool) error {
	switch {
	case v.kind == none || v.kind == str:
		return nil
	case v.kind == tuple && pair:
		return checkBoth(v, func(half value) error {
			if half.kind == none {
				return &SDKError{Field: field, Text: field + " pair elements must both be set, got None"}
			}
			return checkQuantityString(field, half, false)
		})
	}
	return &SDKError{Field: field, Text: field + textQuantityString + v.kind.String() + ": " + v.repr(),
		Hint: sizeHint(field, v)}
}

// sizeHint guesses what a bare number was meant to be.
func sizeHint(field string, v value) string {
	if v.kind != integer && v.kind != float {
		return `write a string such as "1Gi"`
	}
	if s, ok := enlarge(field, v.text); ok {
		return "did you mean " + field + "=" + quoted(s) + "?"
	}
	return `write a string such as "1Gi"`
}

func checkBoth(v value, check func(value) error) error {
	for _, half := range v.items {
		if err := check(half); err != nil {
			return err
		}
	}
	return nil
}

func (w *written) checkGPU() ([]Warning, error) {
	var warnings []Warning
	switch v := w.gpu; v.kind {
	case none, deviceKind:
	case boolean, integer:
		if negative, _ := v.number(); negative {
			return nil, &SDKError{Field: "gpu", Text: "gpu must be greater than or equal to 0", Hint: "ask for at least 1, or leave gpu out"}
		}
	case str:
		name, rest, colon := cutLiteral(v.text)
		current, ws := currentName(strValue(name))
		if len(ws) > 0 {
			warnings = ws
			w.gpu = strValue(current.text + colon + rest)
		}
		if !slices.Contains(literals, w.gpu.text) {
			return warnings, &SDKError{Field: "gpu", Text: textLiterals() + w.gpu.text, Hint: literalHint(w.gpu.text)}
		}
	default:
		return nil, gpuError(textGPU + v.kind.String() + ": " + v.repr())
	}
	return warnings, nil
}

// textLiterals begins the SDK's message about a string that is no accelerator.
func textLiterals() string {
	list := pyTuple(literals)
	return "gpu must be one of typing.Literal[" + list[1:len(list)-1] + "], got "
}

// device is Resources.get_device(): nil when none is asked for. Call it after check.
func (w *written) device() *device {
	switch v := w.gpu; v.kind {
	case deviceKind:
		return v.dev
	case boolean, integer:
		if v.isZero() || v.text == "False" {
			return nil
		}
		return &device{quantity: v, class: strValue(string(ClassGPU))}
	case str:
		name, count, _ := cutLiteral(v.text)
		class, _ := classOf(name)
		if count == "" {
			count = "1"
		}
		return &device{quantity: value{kind: integer, text: count}, class: strValue(string(class)), name: strValue(name)}
	}
	return nil
}

// resources checks w and turns it into Resources, refusing what those cannot hold because no cluster could read it.
func (w *written) resources() (Resources, []Warning, error) {
	warnings, err := w.check()
	if err != nil {
		return Resources{}, warnings, err
	}
	var r Resources
	if r.CPU, err = rangeOf("cpu", w.cpu); err != nil {
		return Resources{}, warnings, err
	}
	if r.Memory, err = rangeOf("memory", w.memory); err != nil {
		return Resources{}, warnings, err
	}
	if r.Disk, err = scalarOf("disk", w.disk); err != nil {
		return Resources{}, warnings, err
	}
	ws, err := w.shared(&r)
	warnings = append(warnings, ws...)
	if err != nil {
		return Resources{}, warnings, err
	}
	device, ws, err := w.accelerator()
	warnings = append(warnings, ws...)
	if err != nil {
		return Resources{}, warnings, err
	}
	r.GPU = device
	ws, err = r.regrets()
	warnings = append(warnings, ws...)
	if err != nil {
		return Resources{}, warnings, err
	}
	return r, warnings, nil
}

func (w *written) shared(r *Resources) ([]Warning, error) {
	if w.shm.kind == str && w.shm.text == "" {
		r.Shm = Auto
		f := finding{"shm", CodeZero, "a size of zero is no size: the same as auto", `did you mean shm="auto"?`, false}
		return []Warning{f.warning("")}, nil
	}
	r.Shm = Quantity(w.shm.text)
	return nil, nil
}
