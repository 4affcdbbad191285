// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth is more nesting than any value has that can be right.
const maxDepth = 4

// UnmarshalYAML reads {cpu: 1, memory: [1Gi, 2Gi], gpu: "A100:1", disk: 10Gi, shm: auto}. Unknown and repeated keys
// are errors, and so is all that Validate refuses; errors are *LineError. ReadYAML gives the warnings, too.
func (r *Resources) UnmarshalYAML(node *yaml.Node) error {
	got, _, err := ReadYAML(node)
	if err == nil {
		*r = got
	}
	return err
}

// ReadYAML is UnmarshalYAML with warnings.
func ReadYAML(node *yaml.Node) (Resources, []Warning, error) {
	var w written
	lines := map[string]int{}
	err := eachKey(node, "resources", w.fields(), func(key string, v *yaml.Node) error {
		lines[key] = v.Line
		if key != "gpu" && v.Kind == yaml.MappingNode {
			return mappingError(key)
		}
		got, err := valueOfYAML(v, 0)
		if err == nil && key == "gpu" {
			got, err = got.asDevice()
		}
		*w.field(key) = got
		return err
	})
	if err != nil {
		return Resources{}, nil, err
	}
	r, warnings, err := w.resources()
	if err != nil {
		return Resources{}, warnings, atLine(lines[fieldOf(err)], node.Line, Brief(err))
	}
	return r, warnings, nil
}

// fields lists the keys of Resources, in the SDK's order.
func (w *written) fields() []string { return []string{"cpu", "memory", "gpu", "disk", "shm"} }

func (w *written) field(key string) *value {
	switch key {
	case "cpu":
		return &w.cpu
	case "memory":
		return &w.memory
	case "gpu":
		return &w.gpu
	case "disk":
		return &w.disk
	default:
		return &w.shm
	}
}

func fieldOf(err error) string {
	switch e := err.(type) {
	case *SDKError:
		return e.Field
	case *FieldError:
		return e.Field
	}
	return ""
}

func atLine(line, fallback int, err error) error {
	if line == 0 {
		line = fallback
	}
	return &LineError{Line: line, Err: err}
}

// eachKey walks a mapping whose keys are known.
func eachKey(node *yaml.Node, what string, known []string, visit func(string, *yaml.Node) error) error {
	node = target(node)
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return &LineError{Line: node.Line, Err: fmt.Errorf("%s is a mapping with the keys %s; write it as {%s: …}",
			what, strings.Join(known, ", "), known[0])}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, v := target(node.Content[i]), target(node.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			return &LineError{Line: node.Content[i].Line, Err: fmt.Errorf("a key of %s is a plain word; the known ones are %s", what, strings.Join(known, ", "))}
		}
		if err := checkKey(what, key.Value, known, seen); err != nil {
			return &LineError{Line: node.Content[i].Line, Err: err}
		}
		if err := visit(key.Value, v); err != nil {
			if _, has := err.(*LineError); has {
				return err
			}
			return &LineError{Line: node.Content[i].Line, Err: err}
		}
	}
	return nil
}

// checkKey refuses keys that are unknown or given twice.
func checkKey(what, key string, known []string, seen map[string]bool) error {
	if !slices.Contains(known, key) {
		return fmt.Errorf("unknown key %q in %s; the known ones are %s", clip(key), what, strings.Join(known, ", "))
	}
	if seen[key] {
		return fmt.Errorf("key %q is given twice in %s; remove one", key, what)
	}
	seen[key] = true
	return nil
}

// target follows an alias.
func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

// valueOfYAML reads a scalar as YAML types it; a sequence is a Python tuple.
func valueOfYAML(node *yaml.Node, depth int) (value, error) {
	node = target(node)
	if depth > maxDepth {
		return value{}, fmt.Errorf("nested too deeply; write a single value or a pair")
	}
	switch node.Kind {
	case yaml.SequenceNode:
		v := value{kind: tuple}
		for _, item := range node.Content {
			got, err := valueOfYAML(item, depth+1)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, got)
		}
		return v, nil
	case yaml.MappingNode:
		return mappingOf(func(visit func(string, value) error) error {
			return eachKey(node, "gpu", deviceKeys, func(key string, v *yaml.Node) error {
				got, err := valueOfYAML(v, depth+1)
				if err != nil {
					return err
				}
				return visit(key, got)
			})
		})
	}
	return scalarOfYAML(node)
}

func scalarOfYAML(node *yaml.Node) (value, error) {
	switch node.ShortTag() {
	case "!!null":
		return value{}, nil
	case "!!bool":
		var b bool
		err := node.Decode(&b)
		return boolValue(b), err
	case "!!int":
		n, ok := new(big.Int).SetString(strings.ReplaceAll(clipDigits(node.Value), "_", ""), 0)
		if !ok {
			return value{}, fmt.Errorf("%q is no whole number; write it in decimal", clip(node.Value))
		}
		return value{kind: integer, text: n.String()}, nil
	case "!!float":
		if isPlain(strings.TrimLeft(node.Value, "+-")) { // a whole number beyond 64 bits
			return value{kind: integer, text: strings.TrimPrefix(node.Value, "+")}, nil
		}
		var f float64
		if err := node.Decode(&f); err != nil {
			return value{}, fmt.Errorf("%q is no number; write it in decimal", clip(node.Value))
		}
		return floatValue(f), nil
	}
	return strValue(node.Value), nil
}

// clipDigits keeps conversion of absurdly long numbers cheap; nothing that long is accepted anyway.
func clipDigits(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}

// MarshalYAML writes only what is set, in a form that reads back.
func (r Resources) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range r.plain() {
		v := &yaml.Node{}
		if err := encodeYAML(v, f.value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.key}, v)
	}
	return node, nil
}

func encodeYAML(node *yaml.Node, v any) error {
	switch v := v.(type) {
	case number:
		tag := "!!int"
		if strings.Contains(string(v), ".") {
			tag = "!!float"
		}
		*node = yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: string(v)}
		return nil
	case []any:
		*node = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range v {
			child := &yaml.Node{}
			if err := encodeYAML(child, item); err != nil {
				return err
			}
			node.Content = append(node.Content, child)
		}
		return nil
	case int:
		*node = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
		return nil
	}
	return node.Encode(v)
}
