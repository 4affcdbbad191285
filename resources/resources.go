// SPDX-License-Identifier: Apache-2.0

package resources

// Range is a scalar (Limit is "") or a (request, limit) pair. The zero Range means not given.
type Range struct{ Request, Limit Quantity }

// Of is a scalar.
func Of(q Quantity) Range { return Range{Request: q} }

// Pair is a request and a limit.
func Pair(request, limit Quantity) Range { return Range{request, limit} }

// IsZero reports whether nothing was given.
func (r Range) IsZero() bool { return r == Range{} }

// IsPair reports whether a limit was given.
func (r Range) IsPair() bool { return r.Limit != "" }

// Resources is what was written, as flyte.Resources takes it. The zero value asks for nothing.
type Resources struct {
	CPU    Range    // cores: "1", "0.5", "500m"
	Memory Range    // bytes: "512Mi", "1Gi"
	GPU    *Device  // nil: none
	Disk   Quantity // bytes of ephemeral storage; "" is not asked
	Shm    Quantity // bytes of /dev/shm, or Auto; "" is not asked
}

// IsZero reports whether r asks for nothing.
func (r Resources) IsZero() bool { return r == Resources{} }

// Override is task.override(resources=...): other replaces all of r, and what it does not repeat is gone; nil keeps r
// (flyte-sdk src/flyte/_task.py).
func (r Resources) Override(other *Resources) Resources {
	if other == nil {
		return r
	}
	return *other
}

// CheckSDK applies the SDK's own rules only; the error is an *SDKError with the SDK's text.
func (r Resources) CheckSDK() error {
	w := r.written()
	if r.GPU != nil {
		if _, err := newDevice(w.gpu.dev.quantity, w.gpu.dev.class, w.gpu.dev.name, w.gpu.dev.partition); err != nil {
			return err
		}
	}
	_, err := w.check()
	return err
}

// Validate says everything that is wrong with r: the error is what the SDK (*SDKError) or a cluster (*FieldError)
// would refuse, the warnings what they would take and a person would regret.
func (r Resources) Validate() ([]Warning, error) {
	if err := r.CheckSDK(); err != nil {
		return nil, err
	}
	var warnings []Warning
	if r.GPU != nil {
		_, warnings = currentName(strValue(r.GPU.Device))
	}
	ws, err := r.regrets()
	return append(warnings, ws...), err
}

// written is the call that r stands for.
func (r Resources) written() *written {
	w := &written{cpu: r.CPU.value(numberOrString), memory: r.Memory.value(strValue)}
	if r.Disk != "" {
		w.disk = strValue(string(r.Disk))
	}
	if r.Shm != "" {
		w.shm = strValue(string(r.Shm))
	}
	switch {
	case r.GPU == nil:
	case r.GPU.isCount() && r.GPU.Quantity >= 1:
		w.gpu = intValue(r.GPU.Quantity)
		w.gpu.dev = r.GPU.raw()
	default:
		w.gpu = value{kind: deviceKind, dev: r.GPU.raw()}
	}
	return w
}

func (r Range) value(of func(string) value) value {
	switch {
	case r.IsZero():
		return value{}
	case !r.IsPair():
		return of(string(r.Request))
	case r.Request == "":
		return value{kind: tuple, items: []value{{}, of(string(r.Limit))}}
	}
	return value{kind: tuple, items: []value{of(string(r.Request)), of(string(r.Limit))}}
}
