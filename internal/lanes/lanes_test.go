// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
)

// Every package belongs to one lane, whatever comes later; package e2e to two,
// of which one runs what the other skips.
func TestEveryPackageHasOneLane(t *testing.T) {
	all := []string{
		"drydock", "drydock/internal/lanes", "drydock/integration/flyte", "drydock/integration/e2e",
		"drydock/integration/e2e/sdk", "drydock/integration/e2e/zoo", "drydock/sandbox/native/shim",
		"drydock/integration/engines", "drydock/sandbox/docker", "drydock/sandbox/docker/engine",
		"drydock/integration/guest", "drydock/integration/guest/inside",
	}
	lane := map[string]string{}
	for _, l := range lanes {
		for _, p := range l.packages(all) {
			if p == e2ePackage && l.name == "image" {
				continue
			}
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
	for p, want := range map[string]string{
		sdkPackage: "sdk", e2ePackage: "native", "drydock/sandbox/docker": "docker", "drydock/integration/engines": "docker",
	} {
		if lane[p] != want {
			t.Errorf("%s is in the lane %s, want %s", p, lane[p], want)
		}
	}
}

func TestEngineTestsRunOnce(t *testing.T) {
	for name, want := range map[string]string{"native": "-skip=" + engineTests, "image": "-run=" + engineTests} {
		for _, l := range lanes {
			if l.name == name && !slices.Contains(l.flags, want) {
				t.Errorf("the lane %s has the flags %v, want %s", name, l.flags, want)
			}
		}
	}
}
