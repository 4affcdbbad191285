// SPDX-License-Identifier: Apache-2.0

package cgroup

import "testing"

func TestHugepageName(t *testing.T) {
	for kb, want := range map[int]string{64: "64KB", 2048: "2MB", 1 << 20: "1GB"} {
		if got := hugepageName(kb); got != want {
			t.Errorf("%d = %s, want %s", kb, got, want)
		}
	}
}
