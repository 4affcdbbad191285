// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// value is one argument of flyte.Resources before anyone judged it: what a Python caller, a flag, YAML or JSON can
// write. The SDK tells 1 from "1" from True, and its messages quote the value as Python prints it; so must we.
type value struct {
	kind  kind
	text  string // boolean: True or False; integer, float: as Python prints it; str: the string
	items []value
	dev   *device
}

type kind int

const (
	none kind = iota
	boolean
	integer
	float
	str
	tuple
	mapping // YAML and JSON only; always refused where no device is expected
	deviceKind
)

// typeNames are Python's.
var typeNames = [...]string{"NoneType", "bool", "int", "float", "str", "tuple", "dict", "Device"}

func (k kind) String() string { return typeNames[k] }

func strValue(s string) value { return value{kind: str, text: s} }

func intValue(n int) value { return value{kind: integer, text: strconv.Itoa(n)} }

func boolValue(b bool) value {
	if b {
		return value{kind: boolean, text: "True"}
	}
	return value{kind: boolean, text: "False"}
}

// floatValue takes the decimal text of a float and prints it as Python does.
func floatValue(f float64) value { return value{kind: float, text: pyFloat(f)} }

// pyFloat is Python's repr of a float: the shortest text that reads back, with an exponent from 1e16 and below 1e-4.
func pyFloat(f float64) string {
	switch s := strconv.FormatFloat(f, 'e', -1, 64); s {
	case "NaN":
		return "nan"
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	default:
		i := strings.IndexByte(s, 'e')
		if exp, _ := strconv.Atoi(s[i+1:]); f != 0 && (exp < -4 || exp >= 16) {
			return s
		}
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// str is Python's str() of the value.
func (v value) str() string {
	if v.kind == str {
		return v.text
	}
	return v.repr()
}

// repr is Python's repr() of the value.
func (v value) repr() string {
	switch v.kind {
	case none:
		return "None"
	case str:
		return pyQuote(v.text)
	case tuple:
		parts := make([]string, len(v.items))
		for i, item := range v.items {
			parts[i] = item.repr()
		}
		if len(parts) == 1 {
			return "(" + parts[0] + ",)"
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case mapping:
		return "{...}"
	case deviceKind:
		return v.dev.repr()
	default:
		return v.text
	}
}

// pyQuote is Python's repr of a string: single quotes unless only single ones occur inside, escapes for what does
// not print.
func pyQuote(s string) string {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

// number reports the sign of a boolean, integer or float against zero, and whether it is below one, as Python
// compares them (False is 0; nan is below nothing).
func (v value) number() (negative, belowOne bool) {
	switch v.kind {
	case boolean:
		return false, v.text == "False"
	case integer:
		negative = strings.HasPrefix(v.text, "-")
		return negative, negative || v.isZero()
	case float:
		f, err := strconv.ParseFloat(v.text, 64)
		if err != nil && f == 0 {
			return false, false
		}
		return f < 0, f < 1
	default:
		return false, false
	}
}

// falsy is Python's "not v".
func (v value) falsy() bool {
	switch v.kind {
	case none:
		return true
	case boolean:
		return v.text == "False"
	case integer:
		return v.isZero()
	case float:
		f, err := strconv.ParseFloat(v.text, 64)
		return err == nil && f == 0
	case str:
		return v.text == ""
	case tuple:
		return len(v.items) == 0
	default:
		return false
	}
}

func (v value) isZero() bool { return v.kind == integer && strings.Trim(v.text, "+-0") == "" }

func (v value) isNumber() bool { return v.kind == boolean || v.kind == integer || v.kind == float }
