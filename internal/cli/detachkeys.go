// SPDX-License-Identifier: Apache-2.0

package cli

import "strings"

// defaultDetachKeys are docker's own.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// detachKeys finds, in what a person types, the keys that end the typing.
type detachKeys struct {
	keys []byte // none: nothing ends it
	held int    // how many of them were typed just now, and not passed on
}

// parseDetachKeys reads keys as docker's --detach-keys has them: a character,
// or ctrl- and one of a-z @ [ \ ] ^ _, with commas between.
func parseDetachKeys(text string) ([]byte, error) {
	var keys []byte
	for _, word := range strings.Split(text, ",") {
		letter, ctrl := strings.CutPrefix(word, "ctrl-")
		switch {
		case len(letter) != 1:
		case !ctrl && letter[0] > ' ' && letter[0] < 0x7f:
			keys = append(keys, letter[0])
			continue
		case ctrl && letter[0] >= 'a' && letter[0] <= 'z':
			keys = append(keys, letter[0]-'a'+1)
			continue
		case ctrl && strings.ContainsAny(letter, `@[\]^_`):
			keys = append(keys, letter[0]-'@')
			continue
		}
		return nil, usagef(`accepted: characters and ctrl- with one of a-z @ [ \ ] ^ _, with commas between, such as `+defaultDetachKeys,
			"--detach-keys %s is no list of keys", shellQuote(text))
	}
	return keys, nil
}

// pass returns what of typed goes to the program, and whether the keys were
// typed. The beginning of them is held back until the next key shows whether
// it is one.
func (d *detachKeys) pass(typed []byte) (on []byte, detached bool) {
	if len(d.keys) == 0 {
		return typed, false
	}
	for _, key := range typed {
		if key != d.keys[d.held] {
			on = append(on, d.keys[:d.held]...)
			d.held = 0
		}
		if key != d.keys[d.held] {
			on = append(on, key)
			continue
		}
		if d.held++; d.held == len(d.keys) {
			return on, true
		}
	}
	return on, false
}
