// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/internal/fanout"
	"drydock/resources"
	"drydock/sandbox"
)

const whole = `
environments:
  ml: {resources: {cpu: 1, memory: 400Mi, shm: auto}, env: {MODE: dev}, image: "", workdir: .}
tasks:
  train: {environment: ml, command: [python3, train.py, --epochs, "3"], timeout: 30m, retries: {count: 1, backoff: 2s}, oom_retry: {factor: 2, max: 4Gi, attempts: 5}}
  big:   {environment: ml, resources: {cpu: [1, 2], memory: [2Gi, 4Gi], disk: 10Gi}, command: [python3, big.py]}
  all:
    command: [./job, 7, true, ""]
    env: {A: "1", N: 2}
    clean_env: true
    workdir: sub
    volumes: ["data:/data:ro", "/abs:/mnt"]
    read_only: yes
    user: nobody
    network: none
    timeout: 90
    grace: 0s
    child_oom: warn
    disk_enforce: hard
    retries: 3
    oom_retry: 1.5x,max=2Gi
  boxed:
    image: python:3.12
    entrypoint: [python3, -u]
    command: [train.py]
    pull: always
    platform: linux/arm64
    add_hosts: ["db:10.0.0.7"]
    network: bridge
    workdir: /work
  own: {image: python:3.12}
`

func TestParse(t *testing.T) {
	f, err := Parse("/here/tasks.yaml", []byte(strings.Replace(whole, "read_only: yes", "read_only: true", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"all", "big", "boxed", "own", "train"}, f.Names()); diff != "" {
		t.Error(diff)
	}
	ml := &executor.Environment{
		Name: "ml", WorkDir: "/here", Env: map[string]string{"MODE": "dev"},
		Resources: resources.Resources{CPU: resources.Of("1"), Memory: resources.Of("400Mi"), Shm: resources.Auto},
	}
	want := map[string]executor.Task{
		"boxed": {Name: "boxed", Image: "python:3.12", Entrypoint: []string{"python3", "-u"}, Command: []string{"train.py"}, Pull: sandbox.PullAlways,
			Platform: "linux/arm64", Hosts: []string{"db:10.0.0.7"}, Network: sandbox.NetworkBridge, WorkDir: "/work"},
		"own": {Name: "own", Image: "python:3.12"},
		"train": {Name: "train", Environment: ml, Command: []string{"python3", "train.py", "--epochs", "3"}, Timeout: 30 * time.Minute,
			Retries: executor.Retries{Count: 1, Backoff: 2 * time.Second}, OOMRetry: &executor.OOMRetry{Factor: 2, Max: 4 << 30, Attempts: 5}},
		"big": {Name: "big", Environment: ml, Command: []string{"python3", "big.py"},
			Resources: resources.Resources{CPU: resources.Pair("1", "2"), Memory: resources.Pair("2Gi", "4Gi"), Disk: "10Gi"}},
		"all": {Name: "all", Command: []string{"./job", "7", "true", ""}, Env: map[string]string{"A": "1", "N": "2"}, CleanEnv: true,
			WorkDir: "/here/sub", Mounts: []sandbox.Mount{{Source: "/here/data", Target: "/data", ReadOnly: true}, {Source: "/abs", Target: "/mnt"}},
			ReadOnly: true, User: "nobody", Network: sandbox.NetworkNone, Timeout: 90 * time.Second, Grace: -1,
			ChildOOM: executor.ChildOOMWarn, DiskEnforce: sandbox.DiskHard, Retries: executor.Retries{Count: 3}, OOMRetry: &executor.OOMRetry{Factor: 1.5, Max: 2 << 30}},
	}
	for name, w := range want {
		got, err := one(f, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, got, cmp.AllowUnexported(executor.Task{})); diff != "" {
			t.Errorf("task %s: -want +got\n%s", name, diff)
		}
	}
}

// one is the first task of an entry, as it is read.
func one(f *File, name string) (executor.Task, error) {
	all, err := f.Tasks(name, nil)
	if err != nil {
		return executor.Task{}, err
	}
	return all.Make(all.At(0))
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"empty", "", 0, "the file is empty"},
		{"comment only", "# nothing\n", 0, "the file is empty"},
		{"no tasks", "environments: {}\n", 1, "no tasks"},
		{"empty tasks", "tasks: {}\n", 1, "no tasks"},
		{"not a mapping", "- a\n- b\n", 1, "a task file is a mapping"},
		{"unknown top key", "taks: {}\n", 1, `a task file has no key "taks"; known: environments, tasks`},
		{"unknown task key", "tasks:\n  a:\n    comand: [x]\n", 3, `task a has no key "comand"`},
		{"unknown environment key", "environments:\n  ml: {cpu: 1}\ntasks: {a: {command: [x]}}\n", 2, `environment ml has no key "cpu"`},
		{"unknown environment", "tasks:\n  a: {environment: ml, command: [x]}\n", 2, `there is no environment "ml"`},
		{"twice", "tasks:\n  a: {command: [x]}\n  a: {command: [y]}\n", 3, `the key "a" twice`},
		{"no command", "tasks:\n  a: {timeout: 1s}\n", 2, "task a has no command"},
		{"empty command", "tasks:\n  a:\n    command: []\n", 3, "command names no program"},
		{"command as text", "tasks:\n  a:\n    command: python3 train.py\n", 3, "command is a list of words"},
		{"null word", "tasks:\n  a:\n    command: [x, ]\n    env: {A: }\n", 4, "a single value is needed"},
		{"bad resources", "tasks:\n  a:\n    command: [x]\n    resources:\n      cpu: 1\n      memory: 400m\n", 6, "400Mi"},
		{"unknown resource", "tasks:\n  a:\n    command: [x]\n    resources: {mem: 1Gi}\n", 4, "mem"},
		{"bad timeout", "tasks:\n  a:\n    command: [x]\n    timeout: -1s\n", 4, "accepted: more than zero"},
		{"bad oom_retry", "tasks:\n  a:\n    command: [x]\n    oom_retry: {factor: 0.5}\n", 4, "memory must grow"},
		{"bad retries", "tasks:\n  a:\n    command: [x]\n    retries: {count: -1}\n", 4, "accepted: 0 to"},
		{"bad boolean", "tasks:\n  a:\n    command: [x]\n    read_only: 1\n", 4, "true or false"},
		{"bad volume", "tasks:\n  a:\n    command: [x]\n    volumes: [data]\n", 4, "is no volume"},
		{"bad variable", "tasks:\n  a:\n    command: [x]\n    env: {'A=B': c}\n", 4, "no name of a variable"},
		{"bad pull", "tasks:\n  a:\n    image: x\n    pull: IfNotPresent\n", 4, "missing, always, never"},
		{"bad platform", "tasks:\n  a:\n    image: x\n    platform: arm\n", 4, "linux/arm64"},
		{"bad host", "tasks:\n  a:\n    image: x\n    add_hosts: [db]\n", 4, "NAME:ADDRESS"},
		{"bad image", "tasks:\n  a:\n    image: python train.py\n", 3, "no image's name"},
		{"entrypoint as text", "tasks:\n  a:\n    image: x\n    entrypoint: sh\n", 4, "entrypoint is a list of words"},
		{"entrypoint without an image", "tasks:\n  a: {command: [x], entrypoint: [sh]}\n", 2, "task a has no image"},
		{"relative directory inside", "tasks:\n  a:\n    image: x\n    workdir: sub\n", 4, "an absolute path inside"},
		{"relative directory in the environment's image", "environments: {e: {image: x}}\ntasks:\n  a: {environment: e, workdir: .}\n", 3, "an absolute path inside"},
		{"the environment's directory is this machine's", "environments: {e: {workdir: .}}\ntasks:\n  a: {environment: e, image: x}\n", 3, "a workdir of its own"},
		{"broken yaml", "tasks:\n  a: {command: [x\n", 1, "did not find"},
		{"two documents", "tasks: {a: {command: [x]}}\n---\ntasks: {}\n", 2, "a second document"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("tasks.yaml", []byte(tc.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Line != tc.line || !strings.Contains(e.Reason, tc.says) {
				t.Errorf("line %d: %s\nwant line %d: … %s …", e.Line, e.Reason, tc.line, tc.says)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	f, err := Parse("tasks.yaml", []byte("environments:\n  a: &r {resources: {memory: 1Gi}}\n  b: *r\ntasks: {t: {environment: b, command: [x]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	task, err := one(f, "t")
	if err != nil || task.Environment.Resources.Memory != resources.Of("1Gi") {
		t.Errorf("got %+v, %v", task.Environment, err)
	}
}

func TestUnknownTask(t *testing.T) {
	f, err := Parse("tasks.yaml", []byte("tasks: {a: {command: [x]}, b: {command: [x]}}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one(f, "c"); err == nil || err.Error() != `tasks.yaml: there is no task "c"; tasks: a, b` {
		t.Errorf("got %v", err)
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/tasks.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no task files among the examples: %v", err)
	}
	for _, file := range files {
		if _, err := Load(file); err != nil {
			t.Error(err)
		}
	}
}

// Whatever is read, it is a file whose tasks have commands, or an *Error with
// a sensible line.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("tasks: {a: {command: [x]}}"))
	f.Add([]byte(sweep))
	f.Add([]byte("tasks: {a: {matrix: {x: [1, 2]}, array: 0-3:2, command: [\"${{ matrix.x }}\", \"$${{\"]}}"))
	f.Add([]byte("tasks: &a {a: *a}"))
	f.Add([]byte("tasks:\n  ? [a]\n  : b\n"))
	f.Add([]byte("<<: {tasks: {a: {command: [x]}}}"))
	f.Add([]byte("tasks: {a: {command: [\"\\0\"]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("tasks.yaml", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			if lines := lineBreaks(string(data)) + 3; e.Line < 0 || e.Line > lines*2 {
				t.Fatalf("line %d of %d: %v", e.Line, lines, err)
			}
			return
		}
		for _, name := range file.Names() {
			all, err := file.Tasks(name, []int{7})
			if err != nil || all.Len() < 1 || all.Len() > fanout.MaxTasks {
				t.Fatalf("task %q: %v", name, err)
			}
			for i := range min(all.Len(), 10) {
				task, err := all.Make(all.At(i))
				if err != nil && !isError(err) { // what fits may depend on what was put in
					t.Fatalf("task %q: %T: %v", name, err, err)
				}
				image := task.Image != "" || task.Environment != nil && task.Environment.Image != ""
				if err == nil && (len(task.Command) == 0 && !image || len(task.Command) > 0 && task.Command[0] == "" || task.Timeout < 0) {
					t.Fatalf("task %q: %+v, %v", name, task, err)
				}
			}
		}
	})
}

// lineBreaks counts what YAML takes for the end of a line.
func lineBreaks(text string) int {
	return len(text) - len(strings.NewReplacer("\n", "", "\r", "", "\u0085", "", "\u2028", "", "\u2029", "").Replace(text))
}

func isError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
