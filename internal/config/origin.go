// SPDX-License-Identifier: Apache-2.0

package config

import "fmt"

// Kind is where a setting may come from.
type Kind string

// The kinds of origin, strongest first.
const (
	FromFlag    Kind = "flag"
	FromEnv     Kind = "env"
	FromFile    Kind = "file"
	FromDefault Kind = "default"
)

// Origin is where one setting came from.
type Origin struct {
	Kind Kind
	Name string // of the flag or variable
	File string
	Line int
}

func (o Origin) String() string {
	switch o.Kind {
	case FromFlag, FromEnv:
		return o.Name
	case FromFile:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return "default"
}

// ValueError is a setting with a value that drydock does not take.
type ValueError struct {
	Value  Value
	Reason string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s: %s %q: %s", e.Value.Origin, e.Value.Key, e.Value.Text, e.Reason)
}

// FileError is a fault in config.yaml, or a file that should be there and is not.
type FileError struct {
	Path   string
	Line   int // 0: of the file as a whole
	Reason string
	Err    error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

func (e *FileError) Unwrap() error { return e.Err }
