// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strconv"
	"strings"
)

// mostCores is beyond any machine; many is where a plain number that is a multiple of fifty rather looks like
// thousandths (machines have 96, 128, 192, 224, 256 or 384 cores, not 250).
const (
	mostCores = 1024
	many      = 100
)

// cpuFindings judges one number of cores. write shows another value the way the person would write it.
func cpuFindings(q Quantity, write func(string) string) []finding {
	s := string(q)
	one := func(code, reason, hint string, refuse bool) []finding {
		return []finding{{"cpu", code, reason, hint, refuse}}
	}
	if s == "" {
		return nil
	}
	parsed, err := q.Parse()
	if err != nil {
		return unparsableCPU(s, err, write)
	}
	cores := saturated(parsed, 1)
	switch {
	case !hasDigit(s):
		return one(CodeNoNumber, "the number is missing; it parses as zero, zero counts as unset, and the default is given", "write the number", false)
	case parsed.IsZero():
		return one(CodeZero, "zero counts as unset, and the default is given", leaveOut("cpu"), false)
	case parsed.Sign() < 0:
		return one(CodeNegative, "negative", didYouMean(write(strings.TrimPrefix(s, "-"))), true)
	case saturated(parsed, 1000) == 1 && saturated(parsed, 1_000_000) < 1000:
		return one(CodeMisread, "less than one thousandth of a core: rounded up to 1m", didYouMean(write("1m")), false)
	case isPlain(s) && cores >= many && (cores%50 == 0 || cores > mostCores):
		return one(CodeMisread, "taken in cores", meantThousandths(s, cores, write), false)
	case cores > mostCores, cores >= many && strings.ContainsAny(s, "kMGTPEe"):
		return one(CodeMisread, "a multiple of cores: no machine has that many", meantCores(s, write), false)
	}
	return nil
}

func unparsableCPU(s string, err error, write func(string) string) []finding {
	f := finding{Field: "cpu", Code: CodeSyntax, reason: "not a Kubernetes quantity", refuse: true,
		hint: "name a number of cores, such as 1 or \"500m\""}
	r := repair("cpu", s)
	guess, guessed := r.hint("cpu", write)
	switch {
	case err == errExponent || err == errTooLong:
		f.reason = err.Error()
	case isWord(s, []string{"nan", "inf", "-inf", "infinity"}):
		f.reason = "not a finite number"
	case isWord(s, append([]string{"auto"}, noWords...)):
		f.hint = leaveOut("cpu")
	case isWord(s, []string{"true", "false"}):
		f.reason = "a truth value is sent as the word " + s
		f.hint = leaveOut("cpu")
		if s == "True" {
			f.hint = didYouMean(write("1"))
		}
	case guessed:
		f.reason, f.hint = r.why, guess
	}
	return []finding{f}
}

func isPlain(s string) bool { return strings.Trim(s, "0123456789") == "" }

func meantThousandths(s string, cores int64, write func(string) string) string {
	if cores > mostCores*1000 {
		return "name a number of cores"
	}
	return didYouMean(write(s + "m"))
}

// meantCores drops the unit that makes a number of cores absurd.
func meantCores(s string, write func(string) string) string {
	number := strings.TrimRight(s, "kKMGTPEi")
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		number = number[:i]
	}
	if n, err := strconv.ParseFloat(number, 64); err != nil || n > mostCores {
		return "name a number of cores"
	}
	if strings.HasSuffix(s, "M") {
		return didYouMean(write(number + "m"))
	}
	return didYouMean(write(number))
}
