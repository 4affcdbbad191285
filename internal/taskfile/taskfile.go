// SPDX-License-Identifier: Apache-2.0

// Package taskfile reads tasks.yaml: named environments and the tasks that use
// them, as a Flyte program declares them.
//
// Begin with Load. Keys are strict: an unknown one is an *Error with file and
// line. Relative paths in the file are relative to the file.
package taskfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// File is a parsed task file.
type File struct {
	Path  string
	tasks map[string]entry
}

// Error is a fault at a line of a task file.
type Error struct {
	Path   string
	Line   int // 0: of the file as a whole
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

// Load reads and parses the file at path.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the task file: %w", err)
	}
	return Parse(path, data)
}

// Parse parses a task file that was read from path.
func Parse(path string, data []byte) (*File, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the directory of %s: %w", path, err)
	}
	d := decoder{path: path, dir: dir}
	root, err := d.root(data)
	if err != nil {
		return nil, unquoted(err, data)
	}
	return d.file(root)
}

// Names are the names of all tasks, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.tasks)) }

func (f *File) entry(name string) (entry, error) {
	e, ok := f.tasks[name]
	if !ok {
		return e, &Error{Path: f.Path, Reason: fmt.Sprintf("there is no task %q; tasks: %s", name, strings.Join(f.Names(), ", "))}
	}
	return e, nil
}

type decoder struct {
	path string
	dir  string // of the file
}

func (d decoder) fault(node *yaml.Node, format string, args ...any) error {
	return &Error{Path: d.path, Line: node.Line, Reason: fmt.Sprintf(format, args...)}
}

func (d decoder) root(data []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, &Error{Path: d.path, Reason: "the file is empty; it needs tasks: with at least one task"}
	}
	if err != nil {
		return nil, d.yamlError(err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, d.fault(&more, "a second document; a task file has one")
	} else if !errors.Is(err, io.EOF) {
		return nil, d.yamlError(err)
	}
	return doc.Content[0], nil
}

// yamlError turns "yaml: line 3: …" into file:line.
func (d decoder) yamlError(err error) error {
	e := &Error{Path: d.path, Reason: strings.TrimPrefix(err.Error(), "yaml: ")}
	var line int
	if n, _ := fmt.Sscanf(e.Reason, "line %d:", &line); n == 1 {
		_, rest, _ := strings.Cut(e.Reason, ": ")
		e.Line, e.Reason = line, rest
	}
	if strings.Contains(e.Reason, "cannot start any token") {
		e.Reason += "; YAML indents with spaces, not with tabs"
	}
	e.Reason = "no YAML: " + e.Reason
	return e
}

// unquoted explains what YAML says of braces that it takes for its own.
func unquoted(err error, data []byte) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !bytes.Contains(data, []byte("${{")) {
		return err
	}
	return &Error{Path: e.Path, Line: e.Line, Reason: e.Reason + `; inside [ ] and { } write "${{ … }}" with quotes`}
}

// field reads the value of one key.
type field func(value *yaml.Node) error

// mapping reads a mapping whose keys are all known; what names it in errors.
func (d decoder) mapping(node *yaml.Node, what string, fields map[string]field) error {
	return d.pairs(node, what, func(key, value *yaml.Node) error {
		read, ok := fields[key.Value]
		if !ok {
			return d.fault(key, "%s has no key %q; known: %s", what, key.Value, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		return read(value)
	})
}

// pairs visits a mapping in order and refuses keys that come twice.
func (d decoder) pairs(node *yaml.Node, what string, visit func(key, value *yaml.Node) error) error {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		return d.fault(node, "%s is a mapping of keys to values", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return d.fault(key, "%s has a key that is no plain word", what)
		}
		if seen[key.Value] {
			return d.fault(key, "%s has the key %q twice", what, key.Value)
		}
		seen[key.Value] = true
		if err := visit(key, resolve(value)); err != nil {
			return err
		}
	}
	return nil
}

// resolve follows an alias (*name) to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for range 8 { // an alias of an alias is rare, a cycle impossible to write; be safe anyway
		if node.Kind != yaml.AliasNode || node.Alias == nil {
			return node
		}
		node = node.Alias
	}
	return node
}
