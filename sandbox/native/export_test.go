// SPDX-License-Identifier: Apache-2.0

package native

import "testing"

// StandForParams puts another file in the place of NVIDIA's parameters.
func StandForParams(t testing.TB, path string) {
	was := nvidiaParams
	nvidiaParams = path
	t.Cleanup(func() { nvidiaParams = was })
}

// Names for tests.
var (
	Detect    = detect
	ScopeOf   = scopeOf
	JoinScope = joinScope
)
