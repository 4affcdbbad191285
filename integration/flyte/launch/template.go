// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// placeholder is a template in a command: {{.input}}, {{ $Inputs.x }}. Names
// count in any case; $ stands for the dot in the backend's own, too.
var placeholder = regexp.MustCompile(`\{\{\s*[.$]([A-Za-z]+)(?:\.([^}\s]+))?\s*\}\}`)

// substitute fills in a command's templates by what value knows; name is in
// lower case, field is what follows it in {{.inputs.FIELD}}. What value does
// not know stays as it is: it is the program's own.
func substitute(words []string, value func(name, field string) (text string, known bool, err error)) ([]string, error) {
	filled := make([]string, len(words))
	var failures []error
	for i, word := range words {
		filled[i] = placeholder.ReplaceAllStringFunc(word, func(found string) string {
			parts := placeholder.FindStringSubmatch(found)
			text, known, err := value(strings.ToLower(parts[1]), parts[2])
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", found, err))
			}
			if !known {
				return found
			}
			return text
		})
	}
	return filled, errors.Join(failures...)
}

// uniqueKey makes a name of letters, digits and underscores that begins with
// no digit, as the backend does for {{.perRetryUniqueKey}}.
func uniqueKey(name string) string {
	name = leadingDigits.ReplaceAllString(name, "a")
	return otherThanAlnum.ReplaceAllString(name, "_")
}

var (
	leadingDigits  = regexp.MustCompile(`^[^a-zA-Z_]+`)
	otherThanAlnum = regexp.MustCompile(`[^a-zA-Z0-9_]+`)
)
