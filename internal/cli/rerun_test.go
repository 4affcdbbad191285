// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
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

// A flag changes its own resource and leaves the rest; --override counts more.
func TestRerunChanges(t *testing.T) {
	recorded := func() executor.Task {
		r, _, err := resources.ParseFlags(resources.Flags{CPU: "1", Memory: "512Mi", Shm: "64Mi"})
		if err != nil {
			t.Fatal(err)
		}
		return executor.Task{Resources: r}
	}
	for _, tc := range []struct {
		name  string
		o     rerunOptions
		want  resources.Flags
		wrong string
	}{
		{name: "nothing", want: resources.Flags{CPU: "1", Memory: "512Mi", Shm: "64Mi"}},
		{name: "one", o: rerunOptions{Memory: "1Gi,2Gi"}, want: resources.Flags{CPU: "1", Memory: "1Gi,2Gi", Shm: "64Mi"}},
		{name: "all", o: rerunOptions{CPU: "2", Memory: "1Gi", Disk: "3Gi", Shm: "1Mi"}, want: resources.Flags{CPU: "2", Memory: "1Gi", Disk: "3Gi", Shm: "1Mi"}},
		{name: "both ways", o: rerunOptions{Memory: "1Gi", Override: words{"memory=2Gi,cpu=3"}}, want: resources.Flags{CPU: "3", Memory: "2Gi", Shm: "64Mi"}},
		{name: "empty", o: rerunOptions{Memory: " "}, wrong: "--memory is empty"},
		{name: "garbage", o: rerunOptions{CPU: "many"}, wrong: "many"},
		{name: "garbage overridden", o: rerunOptions{Override: words{"cpu"}}, wrong: "--override cpu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Given = map[string]bool{"cpu": tc.o.CPU != "", "memory": tc.o.Memory != "", "disk": tc.o.Disk != "", "shm": tc.o.Shm != ""}
			task := recorded()
			err := tc.o.change(&task)
			if tc.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wrong) {
					t.Errorf("error %v, want %q", err, tc.wrong)
				}
				return
			}
			want, _, parseErr := resources.ParseFlags(tc.want)
			if err != nil || parseErr != nil {
				t.Fatal(err, parseErr)
			}
			if d := cmp.Diff(want, task.Resources); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
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
		if r, err := rerunOverrides([]string{text}); err == nil && r.isZero() {
			t.Errorf("%q is taken and changes nothing", text)
		}
	})
}
