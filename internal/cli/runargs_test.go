// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiftTaskName(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"name last", "drydock run -f t.yaml train", "drydock run -f t.yaml -- train"},
		{"flags behind", "drydock run -f t.yaml train --override memory=1Gi", "drydock run -f t.yaml --override memory=1Gi -- train"},
		{"flag with =", "drydock run --file=t.yaml train --json", "drydock run --file=t.yaml --json -- train"},
		{"a command", "drydock run --memory 1Gi job -f x", "drydock run --memory 1Gi job -f x"},
		{"a switch before", "drydock run --json -f t.yaml train -q", "drydock run --json -f t.yaml -q -- train"},
		{"already behind --", "drydock run -f t.yaml -- train", "drydock run -f t.yaml -- train"},
		{"two names", "drydock run -f t.yaml train eval", "drydock run -f t.yaml train eval"},
		{"a command's words", "drydock run -f t.yaml train -- more", "drydock run -f t.yaml train -- more"},
		{"another command", "drydock config -f train", "drydock config -f train"},
		{"nothing", "drydock run", "drydock run"},
		{"no name", "drydock run -f", "drydock run -f"},
		{"run as an argument", "drydock help run", "drydock help run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := strings.Join(liftTaskName(strings.Fields(tc.args)), " ")
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestOutputFlags(t *testing.T) {
	for _, tc := range []struct {
		args   string
		json   bool
		result string
	}{
		{"drydock run --bad --json", true, ""},
		{"drydock run --bad -json", true, ""},
		{"drydock run --bad --json=false", false, ""},
		{"drydock run --bad -- --json", false, ""},
		{"drydock run --result r.json --bad", false, "r.json"},
		{"drydock run --bad --result=r.json", false, "r.json"},
		{"drydock run --bad --result", false, ""},
	} {
		json, result := outputFlags(strings.Fields(tc.args))
		if json != tc.json || result != tc.result {
			t.Errorf("%s: %v, %q", tc.args, json, result)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"run", "doctor", "config", "completion", "version", "help"}
	for word, want := range map[string]string{
		"rnu": "run", "runn": "run", "complet": "completion", "co": "", "h": "", "docter": "doctor", "conf": "config", "verison": "version", "python3": "", "x": "", "": "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	got := []string{}
	for _, w := range []string{"a", "", "a b", "it's", "$HOME", "-x=1,2"} {
		got = append(got, shellQuote(w))
	}
	want := []string{"a", "''", "'a b'", `'it'\''s'`, "'$HOME'", "-x=1,2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Lifting a task's name loses no word, and never touches a command.
func FuzzLiftTaskName(f *testing.F) {
	f.Add("run -f t.yaml train --override memory=1Gi")
	f.Add("run --memory 1Gi -- -f x y")
	f.Add("run -f -- -- a")
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"drydock"}, strings.Split(line, " ")...)
		before := slices.Clone(args)
		got := liftTaskName(args)
		if diff := cmp.Diff(before, args); diff != "" {
			t.Fatalf("its argument was changed: %s", diff)
		}
		if slices.Contains(before, "--") && !slices.Equal(got, before) {
			t.Fatalf("%q became %q", before, got)
		}
		if !slices.Equal(got, before) {
			slices.Sort(got)
			want := append(before, "--")
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%q became %q", want, got)
			}
		}
	})
}
