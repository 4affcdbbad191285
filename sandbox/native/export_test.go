// SPDX-License-Identifier: Apache-2.0

package native

// Names for tests.
var (
	GroupBase = groupBase
	Detect    = detect
	ScopeOf   = scopeOf
	JoinScope = joinScope
)
