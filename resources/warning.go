// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"errors"
	"fmt"
	"strings"
)

// Warning is something that works and that a person would regret.
type Warning struct {
	Field string `json:"field"` // cpu, memory, gpu, disk or shm
	Code  string `json:"code"`  // stable identity, one of the Code constants
	Text  string `json:"text"`  // one sentence that ends with what to do
}

// String is the warning's text.
func (w Warning) String() string { return w.Text }

// The codes of warnings and of the findings behind a FieldError.
const (
	CodeSyntax       = "syntax"          // no quantity at all
	CodeMisread      = "misread"         // means something else than it seems to
	CodeNoNumber     = "no-number"       // a unit without a number
	CodeZero         = "zero"            // zero counts as unset
	CodeNegative     = "negative"        // below zero
	CodeFraction     = "fraction"        // no whole number of bytes
	CodeHuge         = "huge"            // more than any machine has
	CodeReversed     = "request-above"   // request above limit
	CodeExchanged    = "exchanged"       // cpu and memory the wrong way round
	CodeShm          = "shm-above"       // shared memory above the memory limit
	CodeFloor        = "below-floor"     // less memory than a cluster can start a task with
	CodeDeprecated   = "deprecated"      // an old spelling
	CodeDevice       = "device"          // device name, class or count
	CodePartition    = "partition"       // partition of a device
	CodeIgnored      = "ignored"         // a device without a number of them
	CodeClamped      = "clamped"         // lowered by the profile
	CodeDefaultAbove = "default-clamped" // the profile's default is above its own limit
)

// SDKError is a refusal by the Flyte SDK's own rules; its text is the SDK's, word for word.
type SDKError struct {
	Field string
	Text  string
	Hint  string // our addition, may be empty; not part of Error
}

func (e *SDKError) Error() string { return e.Text }

// Brief is a refusal without the SDK's list of all accelerators: then it is a *FieldError around err.
func Brief(err error) error {
	sdk, ok := errors.AsType[*SDKError](err)
	if !ok {
		return err
	}
	value, listed := strings.CutPrefix(sdk.Text, textLiterals())
	if !listed {
		return err
	}
	return &FieldError{Field: sdk.Field, Value: value, Reason: "not an accelerator that the SDK knows", Hint: sdk.Hint, Err: err}
}

// FieldError is a refusal of one value, for a person.
type FieldError struct {
	Flag   string // "--memory" when it came from the command line
	Field  string // cpu, memory, gpu, disk, shm, or a profile's key
	Value  string // as written
	Reason string
	Hint   string // what to do
	Err    error  // what lies beneath, such as *SDKError; may be nil
}

func (e *FieldError) Error() string {
	name := e.Flag
	if name == "" {
		name = e.Field
	}
	text := name
	if e.Value != "" {
		text = name + " " + shownValue(clip(e.Value))
	}
	text += ": " + e.Reason
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// shownValue quotes a value; what is Python source already (a pair, a device) stands as it is.
func shownValue(s string) string {
	q := fmt.Sprintf("%q", s)
	if strings.HasSuffix(s, ")") {
		return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
	}
	return q
}

// Unwrap returns the error beneath.
func (e *FieldError) Unwrap() error { return e.Err }

// LineError says in which line of a YAML text an error stands.
type LineError struct {
	File string // may be empty
	Line int    // from 1
	Err  error
}

func (e *LineError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the error itself.
func (e *LineError) Unwrap() error { return e.Err }

// finding is one thing to say about a value, before it is known whether it stops the task.
type finding struct {
	Field  string
	Code   string
	reason string
	hint   string
	refuse bool
}

func (f finding) err(value string) *FieldError {
	return &FieldError{Field: f.Field, Value: value, Reason: f.reason, Hint: f.hint}
}

func (f finding) warning(value string) Warning {
	return Warning{Field: f.Field, Code: f.Code, Text: f.err(value).Error()}
}
