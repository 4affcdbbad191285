// SPDX-License-Identifier: Apache-2.0

package guest

import "testing"

func TestTopLevel(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                          ".",
		"TestA":                     "TestA",
		"TestA/b/c":                 "TestA",
		"TestA/b|TestC":             "TestA|TestC",
		"^Test(A|B)$/^(b|c/d)$|^TC": "^Test(A|B)$|^TC",
	} {
		if got := topLevel(pattern); got != want {
			t.Errorf("of %q there is left %q, want %q", pattern, got, want)
		}
	}
}
