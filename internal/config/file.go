// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads config.yaml: a mapping of setting to value, nothing else.
func Parse(path string, data []byte) (map[string]Value, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, yamlError(path, err)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, &FileError{Path: path, Line: root.Line, Reason: "settings are lines of key: value"}
	}
	values := map[string]Value{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		v, err := parseSetting(path, key, node)
		if err != nil {
			return nil, err
		}
		if _, twice := values[v.Key]; twice {
			return nil, &FileError{Path: path, Line: key.Line, Reason: v.Key + " is set twice"}
		}
		values[v.Key] = v
	}
	return values, nil
}

func parseSetting(path string, key, node *yaml.Node) (Value, error) {
	k := keyOf(key.Value)
	if k == nil {
		return Value{}, &FileError{Path: path, Line: key.Line,
			Reason: fmt.Sprintf("there is no setting %q; known: %s", key.Value, strings.Join(names(), ", "))}
	}
	text := node.Value
	if k.pairs && node.Kind == yaml.MappingNode {
		var err error
		if text, err = joinPairs(node); err != nil {
			return Value{}, &FileError{Path: path, Line: node.Line, Reason: key.Value + ": " + err.Error()}
		}
	} else if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" {
		return Value{}, &FileError{Path: path, Line: node.Line, Reason: key.Value + " takes one value"}
	}
	return Value{Key: key.Value, Text: text, Origin: Origin{Kind: FromFile, File: path, Line: node.Line}}, nil
}

// joinPairs writes {cpu: 8, memory: 32Gi} as a flag is written.
func joinPairs(mapping *yaml.Node) (string, error) {
	var pairs []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" {
			return "", fmt.Errorf("%s takes one value", key.Value)
		}
		pairs = append(pairs, key.Value+"="+value.Value)
	}
	return strings.Join(pairs, ","), nil
}

func keyOf(name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

func names() []string {
	var all []string
	for _, k := range keys {
		all = append(all, k.Name)
	}
	return all
}

// yamlError puts file:line before what the YAML parser said.
func yamlError(path string, err error) error {
	e := &FileError{Path: path, Reason: strings.TrimPrefix(err.Error(), "yaml: "), Err: err}
	if n, _ := fmt.Sscanf(e.Reason, "line %d:", &e.Line); n == 1 {
		_, e.Reason, _ = strings.Cut(e.Reason, ": ")
	}
	e.Reason = "no YAML: " + e.Reason
	return e
}
