// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"math/big"
	"regexp"
	"strings"
	"unicode"
)

// repaired is a guess at what text that is no quantity was meant to be.
type repaired struct {
	text string // "" when there is no good guess
	why  string
	pair Range // what text with a separator other than the comma was meant to be
}

var (
	numberAndUnit = regexp.MustCompile(`^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([A-Za-z%]*)$`)
	oneTerm       = regexp.MustCompile(`[0-9.]+[A-Za-z]+`)
	manyTerms     = regexp.MustCompile(`^(?:[0-9.]+[A-Za-z]+){2,}$`)
	thousands     = regexp.MustCompile(`^[+-]?[0-9]{1,3}(,[0-9]{3})+([^0-9,].*)?$`)
	halves        = strings.NewReplacer("½", ".5", "¼", ".25", "¾", ".75")
	noWords       = []string{"none", "null", "nan", "inf", "default", "undefined", "unlimited", "infinity"}
)

// repair guesses what s was meant to be, for cpu or for a size.
func repair(field, s string) repaired {
	if r, ok := twoQuantities(field, s); ok {
		return r
	}
	clean, why := tidy(s)
	try := func(text, reason string) (repaired, bool) {
		q, err := Quantity(text).Parse()
		return repaired{text: text, why: reason}, err == nil && hasDigit(text) && !q.IsZero()
	}
	if r, ok := try(clean, why); ok && clean != s {
		return r
	}
	if sum, ok := addTerms(clean); ok {
		return repaired{text: sum, why: "one suffix only"}
	}
	m := numberAndUnit.FindStringSubmatch(clean)
	if m == nil {
		return repaired{why: "not a Kubernetes quantity"}
	}
	number, unit := m[1], m[2]
	if field == "cpu" {
		return repairCPU(number, unit, try)
	}
	suffix, why := sizeSuffix(unit)
	if why == "" {
		return repaired{why: "not a Kubernetes quantity"}
	}
	if r, ok := try(number+suffix, why); ok {
		return r
	}
	return repaired{why: "not a Kubernetes quantity"}
}

// separated is a request and a limit with anything but one comma between them.
var separated = regexp.MustCompile(`^[(\[]?\s*([^\s,:;/()-]+)\s*[\s,:;/-]\s*([^\s,:;/()-]+)\s*[)\]]?$`)

// twoQuantities recognises a pair in text that is one quantity at most. A comma is the decimal separator unless the
// first half has a unit, and 1/2 of a core is a fraction.
func twoQuantities(field, s string) (repaired, bool) {
	m := separated.FindStringSubmatch(s)
	if len(s) > maxText || m == nil {
		return repaired{}, false
	}
	low, high := Quantity(m[1]), Quantity(m[2])
	for _, q := range []Quantity{low, high} {
		if p, err := q.Parse(); err != nil || p.Sign() <= 0 || field != "cpu" && strings.Trim(string(q), "0123456789.") == "" {
			return repaired{}, false
		}
	}
	if field == "cpu" && strings.ContainsAny(s, ",/") {
		return repaired{}, false
	}
	if field != "cpu" && field != "memory" {
		return repaired{text: string(high), why: "one size, no request and limit"}, true
	}
	return repaired{why: "a request and a limit stand apart with a comma", pair: Range{low, high}}, true
}

// hint names the repair, when there is one.
func (r repaired) hint(field string, write func(string) string) (string, bool) {
	switch {
	case r.pair != Range{}:
		return didYouMean(field + "=" + rangeText(field, r.pair)), true
	case r.text != "":
		return didYouMean(write(r.text)), true
	}
	return "", false
}

// tidy mends what has nothing to do with units: blanks, separators, foreign digits.
func tidy(s string) (string, string) {
	why := "not a Kubernetes quantity"
	if t := strings.Trim(s, "'\"`"); t != s {
		s, why = t, "quotes are no part of a quantity"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
			why = "no white space is allowed around or inside a quantity"
			return -1
		}
		if r > unicode.MaxASCII && unicode.IsDigit(r) {
			why = "only ASCII digits count"
			return '0' + digitOf(r)
		}
		return r
	}, s)
	if t := halves.Replace(s); t != s {
		if strings.HasPrefix(t, ".") {
			t = "0" + t
		}
		s, why = t, "only ASCII digits count"
	}
	if strings.Contains(s, "_") {
		s, why = strings.ReplaceAll(s, "_", ""), "digit separators are not allowed"
	}
	switch {
	case thousands.MatchString(s):
		s, why = strings.ReplaceAll(s, ",", ""), "digit separators are not allowed"
	case strings.Count(s, ",") == 1:
		s, why = strings.Replace(s, ",", ".", 1), "the decimal separator is a point"
	}
	return s, why
}

// digitOf is the value of a decimal digit of any script: they stand in runs of ten.
func digitOf(r rune) rune {
	for n := rune(0); n < 10; n++ {
		if !unicode.IsDigit(r-n-1) || (r-n)%16 == 0 || (r-n)%16 == 6 {
			return n
		}
	}
	return 0
}

func repairCPU(number, unit string, try func(string, string) (repaired, bool)) repaired {
	why := "not a Kubernetes quantity"
	text := ""
	switch strings.ToLower(unit) {
	case "c", "core", "cores", "cpu", "cpus", "vcpu", "vcpus", "v":
		text = number
	case "mcpu", "mcpus", "milli", "millis", "millicore", "millicores", "mc":
		text = number + "m"
	case "k":
		text = number + "k"
	case "%":
		if r, ok := new(big.Rat).SetString(number); ok {
			text = strings.TrimRight(strings.TrimRight(r.Quo(r, big.NewRat(100, 1)).FloatString(4), "0"), ".")
		}
	}
	if r, ok := try(text, why); ok {
		return r
	}
	return repaired{why: why}
}

// sizeSuffix is the Kubernetes suffix for a unit in any case, with or without a B.
func sizeSuffix(unit string) (suffix, why string) {
	lower := strings.ToLower(unit)
	why = "suffixes are case sensitive"
	if t := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(lower, "s"), "byte"), "b"); t != lower {
		lower, why = t, "Kubernetes writes units without the B"
	}
	switch lower {
	case "":
		return "", why
	case "k", "kilo":
		if unit == "K" {
			why = `the decimal thousand is a small k (and 1024 is Ki)`
		}
		return "k", why
	case "m", "g", "t", "p", "e":
		return strings.ToUpper(lower), why
	case "ki", "mi", "gi", "ti", "pi", "ei":
		return strings.ToUpper(lower[:1]) + "i", why
	case "mega", "meg", "giga", "gig", "tera", "peta":
		return strings.ToUpper(lower[:1]), "units are single letters"
	case "kibi", "mebi", "gibi", "tebi", "pebi":
		return strings.ToUpper(lower[:1]) + "i", "units are two letters"
	}
	return "", ""
}

// addTerms reads "1Gi1Mi" as a sum.
func addTerms(s string) (string, bool) {
	if !manyTerms.MatchString(s) || len(s) > maxText {
		return "", false
	}
	sum, err := Quantity("0").Parse()
	if err != nil {
		return "", false
	}
	for i, term := range oneTerm.FindAllString(s, -1) {
		q, err := Quantity(term).Parse()
		if err != nil {
			return "", false
		}
		if i == 0 {
			sum = q
			continue
		}
		sum.Add(q)
	}
	return sum.String(), true
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func isWord(s string, words []string) bool {
	lower := strings.ToLower(strings.TrimSpace(s))
	for _, w := range words {
		if lower == w {
			return true
		}
	}
	return false
}
