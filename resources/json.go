// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// deviceKeys are the keys of the map form of gpu.
var deviceKeys = []string{"class", "device", "quantity", "partition"}

// UnmarshalJSON reads {"cpu": 1, "memory": ["1Gi", "2Gi"], "gpu": {"class": "GPU", "device": "A100", "quantity": 1}}.
// Unknown and repeated keys are errors, and so is all that Validate refuses. ReadJSON gives the warnings, too.
func (r *Resources) UnmarshalJSON(data []byte) error {
	got, _, err := ReadJSON(data)
	if err == nil {
		*r = got
	}
	return err
}

// ReadJSON is UnmarshalJSON with warnings.
func ReadJSON(data []byte) (Resources, []Warning, error) {
	var w written
	err := eachJSONKey(data, "resources", w.fields(), func(key string, raw json.RawMessage) error {
		if key != "gpu" && bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
			return mappingError(key)
		}
		got, err := valueOfJSON(raw)
		if err == nil && key == "gpu" {
			got, err = got.asDevice()
		}
		*w.field(key) = got
		return err
	})
	if err != nil {
		return Resources{}, nil, err
	}
	return w.resources()
}

// eachJSONKey walks an object whose keys are known; null is an object without any.
func eachJSONKey(data []byte, what string, known []string, visit func(string, json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	first, err := d.Token()
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	if first == nil {
		return nil
	}
	if first != json.Delim('{') {
		return fmt.Errorf("%s is an object with the keys %s; write it as {%q: …}", what, strings.Join(known, ", "), known[0])
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		name, _ := key.(string) // keys are strings, the decoder sees to that
		if err := checkKey(what, name, known, seen); err != nil {
			return err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if err := visit(name, raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// valueOfJSON reads a value as Python's json does: 1 is an int, 1.0 and 1e0 are floats; an array is a tuple.
func valueOfJSON(data []byte) (value, error) { return valueAtDepth(data, 0) }

func valueAtDepth(data []byte, depth int) (value, error) {
	if depth > maxDepth {
		return value{}, errors.New("nested too deeply; write a single value or a pair")
	}
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return value{}, io.ErrUnexpectedEOF
	}
	switch trimmed[0] {
	case '[':
		var raws []json.RawMessage
		if err := json.Unmarshal(trimmed, &raws); err != nil {
			return value{}, fmt.Errorf("read a pair: %w", err)
		}
		v := value{kind: tuple}
		for _, raw := range raws {
			item, err := valueAtDepth(raw, depth+1)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	case '{':
		return mappingOf(func(visit func(string, value) error) error {
			return eachJSONKey(trimmed, "gpu", deviceKeys, func(key string, raw json.RawMessage) error {
				got, err := valueAtDepth(raw, depth+1)
				if err != nil {
					return err
				}
				return visit(key, got)
			})
		})
	}
	return scalarOfJSON(trimmed)
}

func scalarOfJSON(data []byte) (value, error) {
	var any any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&any); err != nil {
		return value{}, fmt.Errorf("read a value: %w", err)
	}
	switch v := any.(type) {
	case nil:
		return value{}, nil
	case bool:
		return boolValue(v), nil
	case string:
		return strValue(v), nil
	case json.Number:
		s := clipDigits(v.String())
		if !strings.ContainsAny(s, ".eE") {
			if s == "-0" {
				s = "0" // as Python prints it
			}
			return value{kind: integer, text: s}, nil
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return value{}, fmt.Errorf("read a number: %w", err)
		}
		return floatValue(f), nil
	}
	return value{}, fmt.Errorf("%q is no value for a resource; write a number, a string or a pair", clip(string(data)))
}

// mappingOf reads the map form of a device; walk visits its keys.
func mappingOf(walk func(func(string, value) error) error) (value, error) {
	d := &device{}
	err := walk(func(key string, v value) error {
		switch key {
		case "class":
			d.class = v
		case "device":
			d.name = v
		case "quantity":
			d.quantity = v
		case "partition":
			d.partition = v
		}
		return nil
	})
	return value{kind: mapping, dev: d}, err
}

// mappingError refuses a map where only gpu takes one.
func mappingError(key string) error {
	hint := "write one value"
	if key == "cpu" || key == "memory" {
		hint = "write one value, or [request, limit]"
	}
	return &FieldError{Field: key, Reason: "a mapping has no place here", Hint: hint}
}

// asDevice makes the call flyte.Device(...) that a map stands for. A missing quantity is 1, and a missing (or
// empty) class the one that knows the device.
func (v value) asDevice() (value, error) {
	if v.kind != mapping {
		return v, nil
	}
	d := *v.dev
	if d.quantity.kind == none {
		d.quantity = intValue(1)
	}
	if d.class.kind == none || d.class.kind == str && d.class.text == "" {
		class, ok := classOf(d.name.text)
		if !ok {
			class = ClassGPU
		}
		d.class = strValue(string(class))
	}
	made, err := newDevice(d.quantity, d.class, d.name, d.partition)
	return value{kind: deviceKind, dev: made}, err
}

// number is text that JSON and YAML write as a number.
type number string

func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

type plainField struct {
	key   string
	value any // number, string, []any, int or deviceJSON
}

// plain lists what is set, in the form that both encoders write.
func (r Resources) plain() []plainField {
	var out []plainField
	add := func(key string, v any) { out = append(out, plainField{key, v}) }
	if !r.CPU.IsZero() {
		add("cpu", r.CPU.plain(numberOrString))
	}
	if !r.Memory.IsZero() {
		add("memory", r.Memory.plain(strValue))
	}
	if r.GPU != nil {
		add("gpu", r.GPU.plain())
	}
	if r.Disk != "" {
		add("disk", string(r.Disk))
	}
	if r.Shm != "" {
		add("shm", string(r.Shm))
	}
	return out
}

func (r Range) plain(of func(string) value) any {
	one := func(q Quantity) any {
		v := of(string(q))
		switch {
		case q == "":
			return nil
		case v.kind == str:
			return v.text
		}
		return number(v.text)
	}
	if !r.IsPair() {
		return one(r.Request)
	}
	return []any{one(r.Request), one(r.Limit)}
}

// MarshalJSON writes only what is set, in a form that reads back.
func (r Resources) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range r.plain() {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", f.key, err)
		}
		fmt.Fprintf(&b, "%q:%s", f.key, text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
