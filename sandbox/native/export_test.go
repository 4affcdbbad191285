// SPDX-License-Identifier: Apache-2.0

package native

// Names for tests.
var (
	Detect    = detect
	ScopeOf   = scopeOf
	JoinScope = joinScope
)
