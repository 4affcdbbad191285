// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"drydock/executor"
	"drydock/internal/fanout"
)

// Tasks are what one entry of the file stands for: one task, or those of its
// matrix and array.
type Tasks struct {
	fanout.Product
	entry entry
}

// Tasks are those of the entry of that name. array is the indices that the
// command line gives, in the place of the file's; nil: none.
func (f *File) Tasks(name string, array []int) (*Tasks, error) {
	e, err := f.entry(name)
	if err != nil {
		return nil, err
	}
	t := &Tasks{Product: e.product, entry: e}
	if array != nil {
		t.Array = array
	}
	if e.index != nil && len(t.Array) == 0 {
		return nil, e.d.fault(e.index, "task %s has no array for %s; write array: 0-9, or give --array 0-9", name, fanout.IndexName)
	}
	if err := t.Check(); err != nil {
		return nil, e.d.fault(e.key, "task %s: %v", name, err)
	}
	return t, nil
}

// Alike reports whether the tasks differ in name and environment variables
// alone, so that one of them shows what is wrong with any.
func (t *Tasks) Alike() bool { return !t.entry.expands }

// Make reads the task of one point, not marked as such yet.
func (t *Tasks) Make(p fanout.Point) (executor.Task, error) { return t.entry.at(p) }

// entry is a task of the file as it was written.
type entry struct {
	d            decoder
	key, value   *yaml.Node
	environments map[string]*executor.Environment
	product      fanout.Product
	expands      bool          // there is something to put in
	index        *yaml.Node    // the first that needs an array, where the file has none
	task         executor.Task // the first of its product
}

// newEntry reads an entry, and the first of its tasks.
func (d decoder) newEntry(key, value *yaml.Node, environments map[string]*executor.Environment) (entry, error) {
	e := entry{d: d, key: key, value: value, environments: environments}
	var err error
	if e.product, err = d.product(key, value); err != nil {
		return e, err
	}
	probe := e.product
	if len(probe.Array) == 0 { // the command line may give one
		probe.Array = []int{0}
	}
	x := d.expander(probe.At(0), probe.Names())
	e.task, err = e.expanded(x)
	e.expands = x.used
	if len(e.product.Array) == 0 {
		e.index = x.index
	}
	return e, err
}

// product reads matrix and array of a task, whose other keys are read later.
func (d decoder) product(key, value *yaml.Node) (fanout.Product, error) {
	var p fanout.Product
	err := d.pairs(value, "task "+key.Value, func(k, v *yaml.Node) error {
		switch k.Value {
		case "matrix":
			return d.matrix(v, &p)
		case "array":
			return parsed(d, &p.Array, fanout.ParseArray)(v)
		}
		return nil
	})
	if err == nil {
		if err = p.Check(); err != nil {
			err = d.fault(key, "task %s: %v", key.Value, err)
		}
	}
	return p, err
}

func (d decoder) matrix(node *yaml.Node, p *fanout.Product) error {
	err := d.pairs(node, "matrix", func(key, value *yaml.Node) error {
		if err := p.CheckName(key.Value); err != nil {
			return d.fault(key, "%v", err)
		}
		values, err := d.values(key.Value, value)
		p.Matrix = append(p.Matrix, fanout.Dimension{Name: key.Value, Values: values})
		return err
	})
	if err == nil && len(p.Matrix) == 0 {
		err = d.fault(node, "matrix has no lists; write lr: [0.1, 0.01]")
	}
	return err
}

// values is one list of a matrix.
func (d decoder) values(name string, node *yaml.Node) ([]string, error) {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return nil, d.fault(node, "matrix %s is a list of values: [0.1, 0.01]", name)
	}
	var values []string
	seen := map[string]bool{}
	for _, item := range node.Content {
		item = resolve(item)
		var s string
		if err := d.text(&s)(item); err != nil {
			return nil, err
		}
		switch {
		case seen[s]:
			return nil, d.fault(item, "matrix %s has the value %q twice; for runs of the same add an array: 0-9", name, s)
		case fanout.Expands(s):
			return nil, d.fault(item, "matrix %s has a value with ${{ in it, which nothing is put into", name)
		}
		seen[s] = true
		values = append(values, s)
	}
	return values, nil
}

// at is the task of one point.
func (e entry) at(p fanout.Point) (executor.Task, error) {
	if !e.expands {
		return e.task, nil
	}
	return e.expanded(e.d.expander(p, p.Names()))
}

func (e entry) expanded(x *expander) (executor.Task, error) {
	value, err := x.node(e.value)
	if err != nil {
		return executor.Task{}, err
	}
	return e.d.task(e.key, value, e.environments)
}

// expander puts the values of one point into a copy of a task's nodes.
type expander struct {
	d       decoder
	point   fanout.Point
	names   []string
	used    bool       // something was put in
	index   *yaml.Node // the first that named the array's index
	refused string     // where nothing may be put in; "": it may
	budget  int        // nodes that may still be copied: aliases of aliases grow fast
}

const maxNodes = 10_000

func (d decoder) expander(p fanout.Point, names []string) *expander {
	return &expander{d: d, point: p, names: names, budget: maxNodes}
}

// node is a copy of node, aliases followed, with everything put in.
func (x *expander) node(node *yaml.Node) (*yaml.Node, error) {
	node = resolve(node)
	if x.budget--; x.budget < 0 {
		return nil, x.d.fault(node, "more than %d words in one place; write fewer aliases", maxNodes)
	}
	copied := *node
	if node.Kind == yaml.ScalarNode && fanout.Expands(node.Value) {
		return &copied, x.scalar(&copied)
	}
	if len(node.Content) == 0 {
		return &copied, nil
	}
	copied.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			if fanout.Expands(child.Value) {
				return nil, x.d.fault(child, "the key %q has ${{ in it; values are put into what follows a key", child.Value)
			}
			copied.Content[i] = child
			continue
		}
		var err error
		if copied.Content[i], err = x.node(child); err != nil {
			return nil, err
		}
	}
	return &copied, nil
}

// scalar puts in what a word holds; one without quotes may become a number.
func (x *expander) scalar(node *yaml.Node) error {
	if x.refused != "" {
		return x.d.fault(node, "%s has ${{ in it; values are put into tasks alone: write it there", x.refused)
	}
	x.used = true
	text, err := fanout.Expand(node.Value, func(name string) (string, error) {
		if name == fanout.IndexName && x.index == nil {
			x.index = node
		}
		value, ok := x.point.Lookup(name)
		if !ok {
			known := strings.Join(x.names, ", ")
			return "", fmt.Errorf("there is no %q to put in; known: %s; for the characters themselves write $${{", name, known)
		}
		return value, nil
	})
	if err != nil {
		return x.d.fault(node, "%v", err)
	}
	node.Value = text
	if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		node.Tag = "" // what it is shows now
	}
	return nil
}

// constant refuses what a task alone may hold: an environment belongs to
// several.
func (d decoder) constant(what string, node *yaml.Node) error {
	x := d.expander(fanout.Point{}, nil)
	x.refused = what
	_, err := x.node(node)
	return err
}
