// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
)

func TestParseArray(t *testing.T) {
	for text, want := range map[string][]int{
		"0":          {0},
		"0-3":        {0, 1, 2, 3},
		"0-9:2":      {0, 2, 4, 6, 8},
		"0-8:4":      {0, 4, 8},
		"5-5:7":      {5},
		"1,3,5-7":    {1, 3, 5, 6, 7},
		" 9, 1-2 ":   {9, 1, 2},
		"007":        {7},
		"2147483647": {2147483647},
	} {
		got, err := ParseArray(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	if all, err := ParseArray(fmt.Sprintf("0-%d", MaxTasks-1)); err != nil || len(all) != MaxTasks {
		t.Errorf("the most there may be: %d, %v", len(all), err)
	}
}

func TestParseArrayErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                     "an index is missing",
		"1,":                   "an index is missing",
		"-1":                   "an index is missing",
		"1-":                   "an index is missing",
		"a-b":                  `"a" is no index`,
		"+1":                   `"+1" is no index`,
		"1-2-3":                `"2-3" is no index`,
		"9-0":                  "ends before it begins",
		"0-9:0":                "a step of 0",
		"3:2":                  "a step and no range",
		"0-9:":                 "an index is missing",
		"1,1":                  "the index 1 twice",
		"0-5,3-4":              "the index 3 twice",
		"2147483648":           "more than 2147483647",
		"99999999999999999999": "is no index",
		"0-100000":             "more than 100000 indices",
		"0-2147483647":         "more than 100000 indices",
		"0-99%4":               "--max-parallel 4",
	} {
		all, err := ParseArray(text)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %d, %v; want … %s …", text, len(all), err, says)
		}
	}
}

// Whatever is read, the indices are few, small and different.
func FuzzParseArray(f *testing.F) {
	for _, s := range []string{"0-9", "0-9:2", "1,3,5-7", "9-0", "0-2147483647:99999999999", "1,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseArray(text)
		if err != nil {
			return
		}
		sorted := slices.Sorted(slices.Values(all))
		if len(all) == 0 || len(all) > MaxTasks || sorted[0] < 0 || len(slices.Compact(sorted)) != len(all) {
			t.Errorf("%q: %d indices from %d", text, len(all), sorted[0])
		}
	})
}

var square = Product{Matrix: []Dimension{{"lr", []string{"0.1", "0.01"}}, {"opt", []string{"sgd", "adam"}}}, Array: []int{3, 7}}

func TestProduct(t *testing.T) {
	var got []string
	for i := range square.Len() {
		got = append(got, square.At(i).Label())
	}
	want := []string{
		"lr=0.1,opt=sgd,3", "lr=0.1,opt=sgd,7", "lr=0.1,opt=adam,3", "lr=0.1,opt=adam,7",
		"lr=0.01,opt=sgd,3", "lr=0.01,opt=sgd,7", "lr=0.01,opt=adam,3", "lr=0.01,opt=adam,7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	given := map[string]string{"A": "1", "DRYDOCK_ARRAY_INDEX": "parent"}
	task := executor.Task{Name: "train", Env: given}
	square.At(7).Mark(&task)
	diff := cmp.Diff(executor.Task{Name: "train[lr=0.01,opt=adam,7]", Env: map[string]string{"A": "1",
		"DRYDOCK_ARRAY_INDEX": "7", "DRYDOCK_MATRIX_LR": "0.01", "DRYDOCK_MATRIX_OPT": "adam"}}, task, cmp.AllowUnexported(executor.Task{}))
	if diff != "" {
		t.Error(diff)
	}
	if len(given) != 2 || given["DRYDOCK_ARRAY_INDEX"] != "parent" {
		t.Errorf("another task's variables changed: %v", given)
	}
}

func TestNoProduct(t *testing.T) {
	var p Product
	task := executor.Task{Name: "train"}
	p.At(0).Mark(&task)
	if p.Many() || p.Len() != 1 || p.Check() != nil || task.Name != "train" || task.Env != nil {
		t.Errorf("%v %d: %+v", p.Many(), p.Len(), task)
	}
	if _, ok := p.At(0).Lookup(IndexName); ok {
		t.Error("it has an index")
	}
}

func TestProductTooLarge(t *testing.T) {
	var p Product
	for i := range 70 { // 2^70 overflows
		p.Matrix = append(p.Matrix, Dimension{fmt.Sprint("d", i), []string{"a", "b"}})
	}
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "more than 100000 tasks") {
		t.Errorf("got %v", err)
	}
}

func TestCheckName(t *testing.T) {
	for name, says := range map[string]string{
		"lr2": "", "_x": "", "": "no name", "2lr": "no name", "a-b": "no name", "ä": "no name", "LR": "the same variable, DRYDOCK_MATRIX_LR",
	} {
		err := square.CheckName(name)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, error) {
		if v, ok := square.At(1).Lookup(name); ok {
			return v, nil
		}
		return "", errors.New("no " + name)
	}
	for text, want := range map[string]string{
		"":                                    "",
		"$HOME {{ x }} ${x}":                  "$HOME {{ x }} ${x}",
		"${{ matrix.lr }}":                    "0.1",
		"a${{matrix.opt}}-${{ array.index }}": "asgd-7",
		"$${{ matrix.lr }}":                   "${{ matrix.lr }}",
		"$${{ x }} ${{matrix.lr}}":            "${{ x }} 0.1",
		"${{ matrix.lr":                       "error: ${{ without }}",
		"${{ matrix.x }}":                     "error: no matrix.x",
		"${{ }}":                              "error: no ",
		"${{ lr }}":                           "error: no lr",
	} {
		got, err := Expand(text, lookup)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want && (err == nil || !strings.HasPrefix(got, want)) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
