// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/resources"
)

func TestSplitOverrides(t *testing.T) {
	for _, tc := range []struct {
		in   []string
		want []string
	}{
		{[]string{"memory=1Gi"}, []string{"memory=1Gi"}},
		{[]string{"memory=1Gi,cpu=2"}, []string{"memory=1Gi", "cpu=2"}},
		{[]string{"memory=1Gi,2Gi,cpu=1,2"}, []string{"memory=1Gi,2Gi", "cpu=1,2"}},
		{[]string{"memory=1Gi", "cpu=2"}, []string{"memory=1Gi", "cpu=2"}},
		{[]string{"memory"}, []string{"memory"}},
		{[]string{""}, []string{""}},
	} {
		if d := cmp.Diff(tc.want, splitOverrides(tc.in)); d != "" {
			t.Errorf("%q (-want +got):\n%s", tc.in, d)
		}
	}
}

// Whatever is written: nothing is lost on the way, and what is taken changes
// a resource.
func FuzzRerunOverride(f *testing.F) {
	for _, seed := range []string{"memory=1Gi", "cpu=1,2,memory=3", "=", ",", "gpu=A100:1", "memory=1Gi,,cpu=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := splitOverrides([]string{text})
		if strings.Join(words, ",") != text {
			t.Errorf("%q became %q", text, words)
		}
		if r, err := rerunOverrides([]string{text}); err == nil && r == (resources.Resources{}) {
			t.Errorf("%q is taken and changes nothing", text)
		}
	})
}
