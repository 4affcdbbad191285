// SPDX-License-Identifier: Apache-2.0

package admission

import "strings"

// onStep, set by tests only, is called at each point at which a kill leaves
// something else behind.
var onStep func(step string)

// atStep names the point that the file called name has come to.
func atStep(name, what string) {
	if onStep != nil {
		kind, _, _ := strings.Cut(name, ".")
		onStep(kind + " " + what)
	}
}
