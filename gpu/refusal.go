// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"strconv"
	"strings"

	"drydock/resources"
)

// RefusalError says that a request can never be met on this machine as it
// is, or by nobody. It is a fault of the request or of the machine's set-up:
// trying again does not help.
type RefusalError struct {
	Asked  resources.Device
	Text   string   // one sentence: what was asked, what is here
	Have   []string // what is here of what was asked: "1×A100_80G"
	Would  []string // types that accelerator_substitution: compatible would take
	Remedy string   // what to do; "" where Text says it
	// Lacks says that the machine has not what was asked; else nobody has: the
	// type or the partition does not exist. Only a lack can be ignored.
	Lacks bool
}

func (e *RefusalError) Error() string { return "accelerator: " + e.Text }

// Remedies that flags and the profile offer.
const (
	remedyIgnore     = "--gpu-missing=ignore (accelerators: {missing: ignore} in the profile) runs it without"
	remedyAny        = "accelerators: {accelerator_substitution: any} in the profile takes any GPU; " + remedyIgnore
	remedySubstitute = "--gpu-substitute takes it; " + remedyIgnore
)

func lack(asked resources.Device, format string, a ...any) *RefusalError {
	return &RefusalError{Asked: asked, Text: fmt.Sprintf(format, a...), Lacks: true, Remedy: remedyIgnore}
}

func never(asked resources.Device, remedy, format string, a ...any) *RefusalError {
	return &RefusalError{Asked: asked, Text: fmt.Sprintf(format, a...), Remedy: remedy}
}

func (e *RefusalError) having(list []string) *RefusalError {
	e.Have = list
	if len(list) > 0 {
		e.Text += " (have: " + strings.Join(list, ", ") + ")"
	}
	return e
}

func (e *RefusalError) would(types []string) *RefusalError {
	e.Would = types
	if len(types) > 0 {
		e.Text += "; accelerator_substitution=compatible would accept " + strings.Join(types, ", ")
		e.Remedy = remedySubstitute
	}
	return e
}

func plural(n int, between, name string) string { return strconv.Itoa(n) + between + name }

// some is a number of things: "1 GPU", "2 GPUs".
func some(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return plural(n, " ", thing)
}
