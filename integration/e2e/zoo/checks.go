// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
)

// values are the alternatives of an expectation: a list means any of them.
func values(want json.RawMessage) ([]any, error) {
	var one any
	if err := json.Unmarshal(want, &one); err != nil {
		return nil, err
	}
	if list, ok := one.([]any); ok {
		return list, nil
	}
	return []any{one}, nil
}

// among compares a value, as encoding/json decodes it, with an expectation.
func among(what string, got any, want json.RawMessage) string {
	all, err := values(want)
	if err != nil {
		return what + ": " + err.Error()
	}
	for _, one := range all {
		if reflect.DeepEqual(got, one) {
			return ""
		}
	}
	if text, ok := got.(string); ok {
		return fmt.Sprintf("%s is %q, want %s", what, clip(text), want)
	}
	return fmt.Sprintf("%s is %v, want %s", what, got, want)
}

func field(r *run, key string, want json.RawMessage) string {
	return among(key, r.ended[key], want)
}

// last is attempts[last] of the ended document; empty when there is none.
func (r *run) last() map[string]any {
	attempts, _ := r.ended["attempts"].([]any)
	if len(attempts) == 0 {
		return nil
	}
	last, _ := attempts[len(attempts)-1].(map[string]any)
	return last
}

func oomFields(r *run, key string, want json.RawMessage) string {
	got, ok := r.last()["oom"].(map[string]any)
	if !ok {
		return "the last attempt has no oom"
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(want, &fields); err != nil {
		return key + ": " + err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if problem := among(key+"."+name, got[name], fields[name]); problem != "" {
			return problem
		}
	}
	return ""
}

// advice is all hints and the message.
func (r *run) advice() []string {
	var texts []string
	add := func(value any) {
		if list, ok := value.([]any); ok {
			for _, one := range list {
				texts = append(texts, fmt.Sprint(one))
			}
		}
	}
	add(r.ended["hints"])
	attempts, _ := r.ended["attempts"].([]any)
	for _, a := range attempts {
		if object, ok := a.(map[string]any); ok {
			add(object["hints"])
		}
	}
	if text, ok := r.ended["message"].(string); ok {
		texts = append(texts, text)
	}
	return texts
}

func someHint(r *run, key string, want json.RawMessage) string {
	return eachPattern(key, want, func(re *regexp.Regexp) string {
		if !slices.ContainsFunc(r.advice(), re.MatchString) {
			return fmt.Sprintf("no hint matches %q: %q", re, r.advice())
		}
		return ""
	})
}

func noHint(r *run, key string, want json.RawMessage) string {
	return eachPattern(key, want, func(re *regexp.Regexp) string {
		if i := slices.IndexFunc(r.advice(), re.MatchString); i >= 0 {
			return fmt.Sprintf("a hint matches %q: %q", re, r.advice()[i])
		}
		return ""
	})
}

// eachPattern tries all regular expressions: for hints every one counts.
func eachPattern(key string, want json.RawMessage, try func(*regexp.Regexp) string) string {
	all, err := values(want)
	if err != nil {
		return key + ": " + err.Error()
	}
	for _, one := range all {
		re, err := regexp.Compile(fmt.Sprint(one))
		if err != nil {
			return key + ": " + err.Error()
		}
		if problem := try(re); problem != "" {
			return problem
		}
	}
	return ""
}

// anyMatch says whether some text matches some pattern of want.
func anyMatch(key string, want json.RawMessage, texts ...string) string {
	all, err := values(want)
	if err != nil {
		return key + ": " + err.Error()
	}
	for _, one := range all {
		re, err := regexp.Compile(fmt.Sprint(one))
		if err != nil {
			return key + ": " + err.Error()
		}
		if slices.ContainsFunc(texts, re.MatchString) {
			return ""
		}
	}
	return fmt.Sprintf("%s: nothing matches %s in %q", key, want, clip(fmt.Sprint(texts)))
}

func message(r *run, key string, want json.RawMessage) string {
	text, _ := r.ended["message"].(string)
	return anyMatch(key, want, text, r.stderr.String())
}
