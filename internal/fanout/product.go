// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"drydock/executor"
)

// The variables by which a task learns which one it is.
const (
	IndexVariable  = "DRYDOCK_ARRAY_INDEX"
	matrixVariable = "DRYDOCK_MATRIX_" // and the list's name in capitals
)

// IndexName is what stands for the index in a task file.
const IndexName = "array.index"

const matrixName = "matrix." // and the list's name

// Dimension is one list of a matrix.
type Dimension struct {
	Name   string
	Values []string
}

// Variable is the environment variable that holds the dimension's value.
func (d Dimension) Variable() string { return matrixVariable + strings.ToUpper(d.Name) }

// Product is every combination of a matrix's values and an array's indices. It
// is small however many there are. The zero value is one task that is not
// fanned out.
type Product struct {
	Matrix []Dimension
	Array  []int
}

// Many reports whether it fans out at all; a list of one value does.
func (p Product) Many() bool { return len(p.Matrix) > 0 || len(p.Array) > 0 }

// Len is the number of tasks.
func (p Product) Len() int {
	n := max(1, len(p.Array))
	for _, d := range p.Matrix {
		n *= len(d.Values)
	}
	return n
}

// Check refuses a product of more than MaxTasks.
func (p Product) Check() error {
	n := max(1, len(p.Array))
	for _, d := range p.Matrix {
		if n *= len(d.Values); n > MaxTasks { // at each step: the product itself may overflow
			return fmt.Errorf("the matrix and the array make more than %d tasks; split them", MaxTasks)
		}
	}
	return nil
}

// Names are what a task file may put in: "matrix.lr", "array.index".
func (p Product) Names() []string {
	var names []string
	for _, d := range p.Matrix {
		names = append(names, matrixName+d.Name)
	}
	if len(p.Array) > 0 {
		names = append(names, IndexName)
	}
	return names
}

// At is task i, from 0. The first list changes slowest and the index fastest.
func (p Product) At(i int) Point {
	point := Point{product: p, values: make([]string, len(p.Matrix)), index: -1}
	if n := len(p.Array); n > 0 {
		point.index = p.Array[i%n]
		i /= n
	}
	for k := len(p.Matrix) - 1; k >= 0; k-- {
		values := p.Matrix[k].Values
		point.values[k] = values[i%len(values)]
		i /= len(values)
	}
	return point
}

// Point is one task of a Product.
type Point struct {
	product Product
	values  []string // of each dimension
	index   int      // of the array; -1: there is none
}

// Names are those that Lookup knows.
func (p Point) Names() []string { return p.product.Names() }

// Lookup is what a name of Names stands for here.
func (p Point) Lookup(name string) (string, bool) {
	if name == IndexName && p.index >= 0 {
		return strconv.Itoa(p.index), true
	}
	for i, d := range p.product.Matrix {
		if name == matrixName+d.Name {
			return p.values[i], true
		}
	}
	return "", false
}

// Label tells the task from the others: "lr=0.1,batch=32,7"; "" for one that is
// not fanned out.
func (p Point) Label() string {
	var parts []string
	for i, d := range p.product.Matrix {
		parts = append(parts, d.Name+"="+p.values[i])
	}
	if p.index >= 0 {
		parts = append(parts, strconv.Itoa(p.index))
	}
	return strings.Join(parts, ",")
}

// Mark makes t this one of the tasks: by its name, train[lr=0.1,7], and in its
// environment.
func (p Point) Mark(t *executor.Task) {
	if !p.product.Many() {
		return
	}
	t.Name += "[" + p.Label() + "]"
	env := maps.Clone(t.Env)
	if env == nil {
		env = map[string]string{}
	}
	for i, d := range p.product.Matrix {
		env[d.Variable()] = p.values[i]
	}
	if p.index >= 0 {
		env[IndexVariable] = strconv.Itoa(p.index)
	}
	t.Env = env
}

// CheckName refuses a name that is none for a list of a matrix, or that
// another one has.
func (p Product) CheckName(name string) error {
	if !isName(name) {
		return fmt.Errorf("%q is no name for a list of a matrix; accepted: letters, digits and _, no digit first", name)
	}
	same := func(d Dimension) bool { return strings.EqualFold(d.Name, name) }
	if i := slices.IndexFunc(p.Matrix, same); i >= 0 {
		return fmt.Errorf("%s and %s would be the same variable, %s; rename one", p.Matrix[i].Name, name, p.Matrix[i].Variable())
	}
	return nil
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
