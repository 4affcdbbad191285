// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"context"
	"fmt"
	"io"
	"strings"

	"drydock/integration/flyte/objects"
)

// Store is what this package needs of an *objects.Store.
type Store interface {
	Get(ctx context.Context, key string) (objects.Content, objects.Info, error)
	List(ctx context.Context, prefix, after string, max int) (list []objects.Info, more bool, err error)
	Put(ctx context.Context, key string, r io.Reader, opts objects.PutOptions) (objects.Info, error)
}

// InputError says that an input cannot be made a file of.
type InputError struct{ Name, Reason string }

func (e *InputError) Error() string { return fmt.Sprintf("input %s: %s", e.Name, e.Reason) }

// OutputError says that a declared output is not there, or is not what was
// declared.
type OutputError struct {
	Name    string
	Missing bool   // there is no such file
	Reason  string // one sentence that ends with what to do
}

func (e *OutputError) Error() string { return fmt.Sprintf("output %s: %s", e.Name, e.Reason) }

// ToldError is the failure that the program wrote down itself, in the file
// _ERROR of its output directory.
type ToldError struct{ Text string }

func (e *ToldError) Error() string { return e.Text }

// Defaults of flyte-sdk extras/_container.py.
const (
	DefaultInputPath  = "/var/inputs"
	DefaultOutputPath = "/var/outputs"
)

// checkName refuses a variable's name that is no name of a file.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q is no name of a file; rename the variable", name)
	}
	return nil
}
