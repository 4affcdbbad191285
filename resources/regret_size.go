// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// tiny is where a size stops being believable: no process starts in less than a megabyte, and the first file of a
// task is larger. Below, a unit was forgotten.
const tiny = 1_000_000

// noNode is where MilliValue, in which the API server checks a size for fractions, overflows (9 PB).
const noNode = math.MaxInt64 / 1000

// sizeFindings judges one size. write shows another value of the same kind the way the person would write it.
func sizeFindings(field string, q Quantity, write func(string) string) []finding {
	s := string(q)
	one := func(code, reason, hint string, refuse bool) []finding {
		return []finding{{field, code, reason, hint, refuse}}
	}
	if s == "" || (field == "shm" && q == Auto) {
		return nil
	}
	parsed, err := q.Parse()
	if err != nil {
		return unparsableSize(field, s, err, write)
	}
	switch exact := saturated(parsed, 1); {
	case !hasDigit(s):
		hint := "write the number, or leave " + field + " out"
		if field == "shm" {
			hint = `write the number, or did you mean shm="auto"?`
		}
		return one(CodeNoNumber, "the number is missing; it parses as zero, and zero counts as unset", hint, false)
	case parsed.IsZero():
		return one(CodeZero, zeroReason(field), zeroHint(field), false)
	case parsed.Sign() < 0:
		positive := strings.TrimPrefix(s, "-")
		if larger, ok := enlarge(field, positive); ok && exact > -tiny {
			positive = larger
		}
		return one(CodeNegative, "negative", didYouMean(write(positive)), true)
	case exact < tiny && isFraction(parsed):
		return one(CodeFraction, fractionReason(s), meantSize(field, s, write), true)
	case exact < tiny:
		return one(CodeMisread, "taken in bytes: "+tinyReason(field), meantSize(field, s, write), false)
	case exact == math.MaxInt64:
		return one(CodeHuge, "beyond 2^63-1 bytes", "name a size below 8Ei", false)
	case strings.HasSuffix(s, "E"):
		n := strings.TrimSuffix(s, "E")
		return one(CodeMisread, "E is exa (10^18 bytes), not an exponent",
			"did you mean "+write(n+"Ei")+" or an exponent such as "+write(n+"e9")+"?", false)
	case exact > noNode:
		return one(CodeHuge, "no node has it", "name a size that a machine has", false)
	case isFraction(parsed):
		return one(CodeFraction, "not a whole number of bytes", didYouMean(write(whole(s))), false)
	}
	return nil
}

func unparsableSize(field, s string, err error, write func(string) string) []finding {
	f := finding{Field: field, Code: CodeSyntax, reason: "not a quantity", hint: leaveOut(field), refuse: true}
	r := repair(field, s)
	guess, guessed := r.hint(field, write)
	switch {
	case err == errExponent || err == errTooLong:
		f.reason, f.hint = err.Error(), "name a size below 8Ei"
	case field == "shm" && isWord(s, []string{"auto", "max", "automatic"}):
		f.reason, f.hint = "the only word is auto, in small letters", didYouMean(write("auto"))
	case isWord(s, []string{"max"}):
		f.reason = "not a quantity"
	case isWord(s, []string{"auto", "automatic"}):
		f.reason = "auto is known for shm only"
		f.hint = "name a size, or leave " + field + " out to get the default"
	case isWord(s, noWords):
		f.reason = "not a quantity"
	case guessed:
		f.reason, f.hint = r.why, guess
		// What was meant may be no whole number of bytes either: "1.3gi".
		if next := sizeFindings(field, Quantity(r.text), write); len(next) == 1 && (next[0].refuse || next[0].Code == CodeFraction) {
			f.hint = next[0].hint
		}
	default:
		f.reason, f.hint = r.why, `write a size such as "512Mi" or "2Gi"`
	}
	return []finding{f}
}

func didYouMean(text string) string { return "did you mean " + text + "?" }

func isFraction(q resource.Quantity) bool {
	c := q.DeepCopy()
	return !c.RoundUp(0)
}

func zeroReason(field string) string {
	switch field {
	case "disk":
		return "zero counts as unset: the disk has no limit"
	case "shm":
		return "a size of zero is no size: the same as auto"
	}
	return "zero counts as unset, and the default is given"
}

func zeroHint(field string) string {
	if field == "shm" {
		return `did you mean shm="auto"?`
	}
	return leaveOut(field)
}

func fractionReason(s string) string {
	if strings.HasSuffix(s, "m") {
		return "the suffix m means thousandths of a byte"
	}
	return "no unit: a fraction of bytes"
}

func tinyReason(field string) string {
	switch field {
	case "disk":
		return "the first file evicts the task"
	case "shm":
		return "too small for anything"
	}
	return "far below what any process needs to start"
}

// meantSize guesses the size behind one that is absurdly small.
func meantSize(field, s string, write func(string) string) string {
	if text, ok := enlarge(field, s); ok {
		return didYouMean(write(whole(text)))
	}
	return `write a size such as "512Mi" or "2Gi"`
}

// whole is a size that is no whole number of bytes, which a cluster warns of, in the next MiB.
func whole(s string) string {
	q, err := Quantity(s).Parse()
	if err != nil || !isFraction(q) {
		return s
	}
	return strconv.FormatInt(saturated(q, 1)/mebi+1, 10) + "Mi"
}

// enlarge gives a number the unit that it most likely lacks, or a unit the step that it lacks.
func enlarge(field, s string) (string, bool) {
	number := strings.TrimRight(s, "numkKi")
	switch suffix := s[len(number):]; suffix {
	case "m", "u", "n", "Ki":
		return number + "Mi", hasDigit(number)
	case "k":
		return number + "M", hasDigit(number)
	case "":
	default:
		return "", false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i] + "e9", true
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || n <= 0:
		return "", false
	case n >= tiny: // bytes, written as a number
		return strconv.FormatFloat(n, 'f', 0, 64), true
	case n > 65536:
		return s + "Ki", true
	case field == "shm" && n == math.Trunc(n):
		return s + "Mi", true
	case field == "disk" && n <= 1000, n <= 64:
		return s + "Gi", true
	}
	return s + "Mi", true
}
