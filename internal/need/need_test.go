// SPDX-License-Identifier: Apache-2.0

package need

import (
	"strings"
	"testing"
)

func TestPromised(t *testing.T) {
	for _, tc := range []struct {
		value, facility string
		want            bool
	}{
		{"", "java", false},
		{"all", "java", true},
		{"root, java", "java", true},
		{"root", "java", false},
	} {
		t.Run(tc.value+"/"+tc.facility, func(t *testing.T) {
			t.Setenv(RequireVariable, tc.value)
			if got := Promised(tc.facility); got != tc.want {
				t.Errorf("Promised(%q) with %q = %v, want %v", tc.facility, tc.value, got, tc.want)
			}
		})
	}
}

func TestSkipIsCounted(t *testing.T) {
	t.Setenv(RequireVariable, "")
	t.Run("skipped", func(t *testing.T) { Program(t, "no-such-program-anywhere") })
	var out strings.Builder
	Summary(&out)
	if !strings.Contains(out.String(), "1  needs the program no-such-program-anywhere (TestSkipIsCounted/skipped)") {
		t.Errorf("the summary does not name the skipped test:\n%s", out.String())
	}
}
