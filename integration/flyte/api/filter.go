// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/integration/flyte/flyteidl2/common"
)

// kind is what values a field has, and so which functions a filter may use.
type kind int

const (
	text kind = iota
	number
	moment
)

// field is a property that lists are filtered by; text or time reads it.
type field[T any] struct {
	kind kind
	text func(T) string
	time func(T) time.Time
	// has says whether the property is there; nil: always.
	has func(T) bool
}

// fields are a list's properties by name.
type fields[T any] map[string]field[T]

// Functions that several kinds have.
const (
	equal       = common.Filter_EQUAL
	notEqual    = common.Filter_NOT_EQUAL
	valueIn     = common.Filter_VALUE_IN
	valueNotIn  = common.Filter_VALUE_NOT_IN
	present     = common.Filter_EXISTS
	absent      = common.Filter_NOT_EXISTS
	contains    = common.Filter_CONTAINS
	containsAny = common.Filter_CONTAINS_CASE_INSENSITIVE
)

// compile turns filters, all of which must hold, into a function. Fields and
// functions that are not known here are errors: a list that leaves a filter
// out looks like an answer.
func compile[T any](filters []*common.Filter, known fields[T], more ...func(name string) (field[T], bool)) (func(T) bool, error) {
	var all []func(T) bool
	for _, f := range filters {
		of, ok := known[f.GetField()]
		for _, find := range more {
			if !ok {
				of, ok = find(f.GetField())
			}
		}
		if !ok {
			return nil, invalid("drydock cannot filter this list by %q", f.GetField())
		}
		match, err := of.compile(f)
		if err != nil {
			return nil, err
		}
		all = append(all, match)
	}
	return func(item T) bool {
		return !slices.ContainsFunc(all, func(match func(T) bool) bool { return !match(item) })
	}, nil
}

func (of field[T]) compile(f *common.Filter) (func(T) bool, error) {
	has := of.has
	if has == nil {
		has = func(T) bool { return true }
	}
	switch f.GetFunction() {
	case present:
		return has, nil
	case absent:
		return func(item T) bool { return !has(item) }, nil
	}
	if len(f.GetValues()) == 0 {
		return nil, invalid("the filter by %q has no value", f.GetField())
	}
	var match func(T) bool
	var err error
	if of.kind == moment {
		match, err = of.compileTime(f)
	} else {
		match, err = of.compileText(f)
	}
	if err != nil {
		return nil, err
	}
	return func(item T) bool { return has(item) && match(item) }, nil
}

func (of field[T]) compileText(f *common.Filter) (func(T) bool, error) {
	values := f.GetValues()
	if of.kind == number {
		// The SDK gives a number that should equal as a text where a list of
		// texts is due, and so sends its digits one by one.
		if f.GetFunction() == equal || f.GetFunction() == notEqual {
			values = []string{strings.Join(values, "")}
		}
		for _, v := range values {
			if _, err := strconv.ParseInt(v, 10, 32); err != nil {
				return nil, invalid("the filter by %q wants a number, not %q", f.GetField(), v)
			}
		}
	}
	var test func(string) bool
	switch f.GetFunction() {
	case equal:
		test = func(s string) bool { return s == values[0] }
	case notEqual:
		test = func(s string) bool { return s != values[0] }
	case valueIn:
		test = func(s string) bool { return slices.Contains(values, s) }
	case valueNotIn:
		test = func(s string) bool { return !slices.Contains(values, s) }
	case contains:
		test = func(s string) bool { return strings.Contains(s, values[0]) }
	case containsAny:
		test = func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(values[0])) }
	case common.Filter_ENDS_WITH:
		test = func(s string) bool { return strings.HasSuffix(s, values[0]) }
	case common.Filter_NOT_ENDS_WITH:
		test = func(s string) bool { return !strings.HasSuffix(s, values[0]) }
	}
	if test == nil || of.kind == number && !slices.Contains([]common.Filter_Function{equal, notEqual, valueIn, valueNotIn}, f.GetFunction()) {
		return nil, of.unsupported(f)
	}
	return func(item T) bool { return test(of.text(item)) }, nil
}

func (of field[T]) compileTime(f *common.Filter) (func(T) bool, error) {
	at, err := time.Parse(time.RFC3339Nano, f.GetValues()[0])
	if err != nil {
		return nil, invalid("the filter by %q wants a time such as 2026-01-02T15:04:05Z, not %q", f.GetField(), f.GetValues()[0])
	}
	tests := map[common.Filter_Function]func(int) bool{
		equal:                               func(c int) bool { return c == 0 },
		notEqual:                            func(c int) bool { return c != 0 },
		common.Filter_GREATER_THAN:          func(c int) bool { return c > 0 },
		common.Filter_GREATER_THAN_OR_EQUAL: func(c int) bool { return c >= 0 },
		common.Filter_LESS_THAN:             func(c int) bool { return c < 0 },
		common.Filter_LESS_THAN_OR_EQUAL:    func(c int) bool { return c <= 0 },
	}
	test := tests[f.GetFunction()]
	if test == nil {
		return nil, of.unsupported(f)
	}
	return func(item T) bool { return test(of.time(item).Compare(at)) }, nil
}

func (of field[T]) unsupported(f *common.Filter) error {
	return invalid("drydock cannot filter by %q with %s", f.GetField(), f.GetFunction())
}

func keep[T any](items []T, match func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(items), func(item T) bool { return !match(item) })
}

// parseFilters reads the older form of filters that projects are listed by:
// "eq(state, 0)+contains(name, x)".
func parseFilters(s string) (filters []*common.Filter, err error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	functions := map[string]common.Filter_Function{"eq": equal, "ne": notEqual, "contains": contains, "value_in": valueIn}
	for part := range strings.SplitSeq(s, "+") {
		name, rest, ok1 := strings.Cut(strings.TrimSpace(part), "(")
		inner, ok2 := strings.CutSuffix(rest, ")")
		of, value, ok3 := strings.Cut(inner, ",")
		function, ok4 := functions[strings.TrimSpace(name)]
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return nil, invalid("drydock does not understand the filter %q: eq(state, 0) is one; ne, contains and value_in are the other functions", part)
		}
		f := &common.Filter{Function: function, Field: strings.TrimSpace(of)}
		if function == valueIn {
			for v := range strings.SplitSeq(value, ";") {
				f.Values = append(f.Values, strings.TrimSpace(v))
			}
		} else {
			f.Values = []string{strings.TrimSpace(value)}
		}
		filters = append(filters, f)
	}
	return filters, nil
}
