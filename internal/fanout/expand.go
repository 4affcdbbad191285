// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"fmt"
	"strings"
)

// What stands around a name in a task file.
const (
	opening = "${{"
	closing = "}}"
)

// Expands reports whether a text has anything to put in, or an escape of that.
func Expands(text string) bool { return strings.Contains(text, opening) }

// Expand puts in what each ${{ name }} of a text stands for; $${{ is ${{
// itself. What is put in is not looked at again. lookup's error ends it.
func Expand(text string, lookup func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, opening)
		if !found {
			b.WriteString(text)
			return b.String(), nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + opening)
			text = rest
			continue
		}
		name, after, closed := strings.Cut(rest, closing)
		if !closed {
			return "", fmt.Errorf("%s without %s; write %s matrix.NAME %s, and $%s for the characters themselves",
				opening, closing, opening, closing, opening)
		}
		value, err := lookup(strings.TrimSpace(name))
		if err != nil {
			return "", err
		}
		b.WriteString(before + value)
		text = after
	}
}
