// SPDX-License-Identifier: Apache-2.0

package sandboxtest

// CaseNames lists the cases of Conformance that a backend may be asked for, so
// that others can check what they refer to.
func CaseNames() []string {
	var names []string
	for _, group := range allCases() {
		for _, c := range group {
			names = append(names, c.name)
		}
	}
	return names
}
