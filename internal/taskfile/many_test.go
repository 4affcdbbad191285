// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/resources"
)

const sweep = `
environments:
  ml: {resources: {memory: 1Gi}, workdir: .}
tasks:
  sweep:
    environment: ml
    matrix:
      lr: [0.1, 0.01]
      big: [true, false]
      cpus: [1, "2"]
    array: 0-9:5
    command: [train, "--lr=${{ matrix.lr }}", "${{array.index}}", "$${{ x }}"]
    env:
      LR: ${{ matrix.lr }}
    read_only: ${{ matrix.big }}
    resources:
      cpu: ${{ matrix.cpus }}
      memory: ${{ matrix.cpus }}Gi
    timeout: ${{ matrix.cpus }}m
  alike: {array: "1,3", command: [x]}
  indexed: {command: [x, "${{ array.index }}"]}
  single: {command: [x, "$${{ y }}"]}
`

func TestMany(t *testing.T) {
	f, err := Parse("/here/tasks.yaml", []byte(sweep))
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Tasks("sweep", nil)
	if err != nil || all.Len() != 16 || all.Alike() {
		t.Fatalf("%d, alike %v: %v", all.Len(), all.Alike(), err)
	}
	for i, want := range map[int]executor.Task{
		0: {Command: []string{"train", "--lr=0.1", "0", "${{ x }}"}, Env: map[string]string{"LR": "0.1"}, ReadOnly: true,
			Resources: resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("1Gi")}, Timeout: time.Minute},
		15: {Command: []string{"train", "--lr=0.01", "5", "${{ x }}"}, Env: map[string]string{"LR": "0.01"},
			Resources: resources.Resources{CPU: resources.Of("2"), Memory: resources.Of("2Gi")}, Timeout: 2 * time.Minute},
	} {
		got, err := all.Make(all.At(i))
		if err != nil {
			t.Fatal(err)
		}
		want.Name, want.Environment = "sweep", got.Environment
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(executor.Task{})); diff != "" || got.Environment.Name != "ml" {
			t.Errorf("task %d: %s", i, diff)
		}
	}
	for _, tc := range []struct {
		name  string
		array []int
		want  int
		many  bool
	}{
		{"sweep", []int{7}, 8, true}, // the command line's array instead of the file's
		{"alike", nil, 2, true},
		{"indexed", []int{1, 2, 3}, 3, true},
		{"single", nil, 1, false},
		{"single", []int{4}, 1, true},
	} {
		all, err := f.Tasks(tc.name, tc.array)
		if err != nil || all.Len() != tc.want || all.Many() != tc.many {
			t.Errorf("%s with %v: %d tasks, %v", tc.name, tc.array, all.Len(), err)
		}
	}
	if _, err := f.Tasks("indexed", nil); err == nil || !strings.Contains(err.Error(), "tasks.yaml:21: task indexed has no array for array.index") {
		t.Errorf("without an index: %v", err)
	}
}

func TestManyErrors(t *testing.T) {
	task := func(lines ...string) string {
		return "tasks:\n  a:\n    command: [x]\n    " + strings.Join(lines, "\n    ") + "\n"
	}
	for _, tc := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"unknown name", task("matrix: {lr: [1]}", "user: ${{ matrix.rl }}"), 5, `there is no "matrix.rl" to put in; known: matrix.lr, array.index`},
		{"no matrix", task("user: ${{ matrix.lr }}"), 4, `there is no "matrix.lr"`},
		{"not closed", task("matrix: {lr: [1]}", "user: ${{ matrix.lr"), 5, "${{ without }}"},
		{"bare name", task("matrix: {lr: [1]}", "user: ${{ lr }}"), 5, `there is no "lr"`},
		{"in an environment", "environments:\n  ml:\n    env:\n      A: ${{ matrix.x }}\n" + task(), 4, "environment ml has ${{ in it"},
		{"in an environment by an alias", "tasks:\n  a:\n    matrix: {x: [1]}\n    env: &e\n      A: ${{ matrix.x }}\n    command: [x]\nenvironments:\n  ml:\n    env: *e\n", 5, "environment ml has ${{ in it"},
		{"in a key", task("matrix: {x: [A]}", "env: {\"${{ matrix.x }}\": b}"), 5, "put into what follows a key"},
		{"without quotes", task("matrix: {x: [1]}", "env: {A: ${{ matrix.x }}}"), 4, "with quotes"},
		{"matrix is a list", task("matrix: [1, 2]"), 4, "matrix is a mapping"},
		{"no lists", task("matrix: {}"), 4, "matrix has no lists"},
		{"a value alone", task("matrix: {lr: 1}"), 4, "matrix lr is a list of values"},
		{"an empty list", task("matrix:", "  lr: []"), 5, "matrix lr is a list of values"},
		{"a list in a list", task("matrix:", "  lr: [1,", "    [2]]"), 6, "a single value"},
		{"a null", task("matrix: {lr: [1, ~]}"), 4, "a single value"},
		{"a value twice", task("matrix:", "  lr: [1, \"1\"]"), 5, `the value "1" twice`},
		{"a list twice", task("matrix:", "  lr: [1]", "  lr: [2]"), 6, `the key "lr" twice`},
		{"the same variable", task("matrix:", "  lr: [1]", "  LR: [2]"), 6, "the same variable, DRYDOCK_MATRIX_LR"},
		{"a bad name", task("matrix: {learning-rate: [1]}"), 4, "no name for a list"},
		{"put into the matrix", task("matrix: {a: [1], b: [\"${{ matrix.a }}\"]}"), 4, "which nothing is put into"},
		{"bad array", task("array: 9-0"), 4, "ends before it begins"},
		{"too many", task("matrix: {a: [1, 2]}", "array: 0-99999"), 2, "more than 100000 tasks"},
		{"unknown key beside", task("matrix: {a: [1]}", "arry: 0-9"), 5, `no key "arry"`},
		{"a value that does not fit", task("matrix: {t: [soon]}", "timeout: ${{ matrix.t }}"), 5, "is not a time"},
		{"aliases of aliases", aliases(), 0, "fewer aliases"},
		{"itself", "tasks:\n  a: &a\n    command: [x]\n    env: *a\n", 3, "fewer aliases"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("tasks.yaml", []byte(tc.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if tc.line > 0 && e.Line != tc.line || !strings.Contains(e.Reason, tc.says) {
				t.Errorf("line %d: %s\nwant line %d: … %s …", e.Line, e.Reason, tc.line, tc.says)
			}
		})
	}
}

// aliases are few lines that stand for a billion words.
func aliases() string {
	var b strings.Builder
	b.WriteString("tasks:\n  a:\n    command: [x]\n    volumes:\n    - &a0 [x, x]\n")
	for i := range 9 {
		fmt.Fprintf(&b, "    - &a%d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
	}
	return b.String()
}

// A mistake that only a later task has is told with its line, too.
func TestManyLaterError(t *testing.T) {
	f, err := Parse("tasks.yaml", []byte("tasks:\n  a:\n    command: [x]\n    matrix: {t: [1m, soon]}\n    timeout: ${{ matrix.t }}\n"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Tasks("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = all.Make(all.At(0)); err != nil {
		t.Error(err)
	}
	var e *Error
	if _, err = all.Make(all.At(1)); !errors.As(err, &e) || e.Line != 5 {
		t.Errorf("got %v", err)
	}
}
