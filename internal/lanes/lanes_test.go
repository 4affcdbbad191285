// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// Every package belongs to one lane, whatever comes later.
func TestEveryPackageHasOneLane(t *testing.T) {
	all := []string{
		"drydock", "drydock/internal/lanes", "drydock/integration/flyte", "drydock/integration/e2e",
		"drydock/integration/e2e/sdk", "drydock/integration/e2e/zoo", "drydock/sandbox/native/shim",
		"drydock/integration/guest", "drydock/integration/guest/inside",
	}
	lane := map[string]string{}
	for _, l := range lanes {
		for _, p := range l.packages(all) {
			if lane[p] != "" {
				t.Errorf("%s is in the lanes %s and %s", p, lane[p], l.name)
			}
			lane[p] = l.name
		}
	}
	for _, p := range all {
		if lane[p] == "" {
			t.Errorf("%s is in no lane", p)
		}
	}
	if got := lane["drydock/integration/e2e/sdk"]; got != "sdk" {
		t.Errorf("the SDK's tests run in the lane %q", got)
	}
}
