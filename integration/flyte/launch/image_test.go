// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
	"drydock/sandbox"
)

// imageBench is a bench whose tasks run in images, in box. It has no Python:
// nothing of it is needed.
func imageBench(t *testing.T, box sandbox.Sandbox, change func(*Config)) bench {
	t.Helper()
	if box == nil {
		box = &fake{}
	}
	files, err := objects.Open(t.TempDir(), objects.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	return newBench(t, nil, func(c *Config) {
		x, err := executor.New(executor.Config{
			Sandbox: &fake{}, Images: func(context.Context) (sandbox.Sandbox, error) { return box, nil },
			StateDir: t.TempDir(), Capacity: executor.Capacity{CPUMilli: 4000, Memory: 4 << 30},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Executor, c.Objects = x, files
		c.Python = func() (python.Python, error) { return python.Python{}, errors.New("no Python here") }
		c.Images = &Images{
			Engine: "Fake Engine 1.0", Network: sandbox.NetworkBridge, Files: files, Dir: filepath.Join(t.TempDir(), "carried"),
			Endpoint: func(run engine.RunID) Endpoint {
				name := run.Name + ".inside"
				return Endpoint{API: name + ":8090", S3: "http://" + name + ":8090", Name: name, Hosts: []string{name + ":172.17.0.1"}, Shown: "172.17.0.1:8090"}
			},
		}
		if change != nil {
			change(c)
		}
	})
}

// What the executor is given for what the SDK really sends, in images.
func TestImagePlanOfRecordedTasks(t *testing.T) {
	secrets := t.TempDir()
	writeSecret(t, secrets, "team/token", "s3cr3t\n", 0o600)
	writeSecret(t, secrets, "cert", "CERT", 0o600)
	b := imageBench(t, nil, func(c *Config) { c.SecretsDir = secrets })
	for _, name := range []string{"hello.createrun", "child.enqueue", "secrets.deploytask", "raw.deploytask"} {
		t.Run(name, func(t *testing.T) {
			o := recordedOrder(t, name)
			if name == "raw.deploytask" {
				putMessage(t, b, o.Action.InputURI+"/inputs.pb", rawInputs(o))
			}
			p, err := b.plan(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := p.task.Env["PATH"]; ok || p.task.WorkDir != "" || p.task.Scratch != "" || p.task.User != "" {
				t.Errorf("the image's own are not kept: %+v", p.task)
			}
			text := strings.ReplaceAll(imagePlanText(p), b.filesOf(o.TaskID), "FILES")
			golden(t, "image/"+name+".txt", text)
		})
	}
}

func imagePlanText(p plan) string {
	t := p.task
	return planText(p) + "[image]\n" + strings.Join([]string{t.Image, "pull " + string(t.Pull), "network " + string(t.Network),
		"entrypoint " + strings.Join(t.Entrypoint, " "), "hosts " + strings.Join(t.Hosts, " ")}, "\n") + "\n"
}

// rawInputs is a value for each input of a recorded raw container.
func rawInputs(o engine.Order) *task.Inputs {
	in := &task.Inputs{}
	for _, v := range o.Action.Task.GetSpec().GetTaskTemplate().GetInterface().GetInputs().GetVariables() {
		p := &core.Primitive{Value: &core.Primitive_StringValue{StringValue: "value of " + v.GetKey()}}
		in.Literals = append(in.Literals, &task.NamedLiteral{Name: v.GetKey(),
			Value: &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Primitive{Primitive: p}}}}})
	}
	return in
}

func putMessage(t *testing.T, b bench, uri string, m proto.Message) {
	t.Helper()
	key, err := objects.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.c.Objects.Put(t.Context(), key, strings.NewReader(string(data)), objects.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestWhichSandbox(t *testing.T) {
	named, nameless := taskOf("a0"), taskOf("a0")
	nameless.TaskTemplate.GetContainer().Image = ""
	withPython := func(c *Config) { c.Python = func() (python.Python, error) { return venv, nil } }
	for _, tc := range []struct {
		name   string
		bench  bench
		spec   *task.TaskSpec
		image  string
		note   string // the first one's beginning
		refuse string
	}{
		{"native, an image", newBench(t, nil, nil), named, "", "sandbox native (--native): image img:1 is not used", ""},
		{"auto, an image", imageBench(t, nil, nil), named, "img:1", "sandbox docker (the task names an image): it runs in img:1, by Fake Engine 1.0, on the engine's bridge", ""},
		{"auto, none", imageBench(t, nil, withPython), nameless, "", "sandbox native (the task names no image): tasks run on this machine's own", ""},
		{"auto, none, and no Python", imageBench(t, nil, nil), nameless, "", "", "no Python here"},
		{"docker, none", imageBench(t, nil, func(c *Config) { c.Images.Only = true }), nameless, "", "", "--sandbox auto"},
		{"host network", imageBench(t, nil, func(c *Config) { c.Images.Network = sandbox.NetworkHost }), named, "img:1", "sandbox docker (the task names an image): it runs in img:1, by Fake Engine 1.0, on this machine's network", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := tc.bench.plan(t.Context(), order(t, tc.spec))
			if tc.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refuse) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.task.Image != tc.image || !strings.HasPrefix(p.notes[0], tc.note) {
				t.Errorf("image %q, notes %q", p.task.Image, p.notes)
			}
		})
	}
}

// A command replaces an image's ENTRYPOINT, args its CMD, and a pod's policy
// says when it is fetched.
func TestImageCommand(t *testing.T) {
	b := imageBench(t, nil, nil)
	tt := podTask(t, `{"containers": [{"name": "primary", "image": "img:2", "imagePullPolicy": "Always", "command": ["/bin/run", "{{.runName}}"], "args": ["a0", "{{.outputPrefix}}"]}]}`)
	p, err := b.plan(t.Context(), order(t, &task.TaskSpec{TaskTemplate: tt}))
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []string{"/bin/run", "r1"}, p.task.Entrypoint)
	diff(t, []string{"a0", "s3://drydock/runs/p/d/r1/a0/1"}, p.task.Command)
	diff(t, sandbox.PullAlways, p.task.Pull)
	// Without either the image's own is run.
	p, err = b.plan(t.Context(), order(t, taskOf()))
	if err != nil || p.task.Command != nil || p.task.Entrypoint != nil {
		t.Errorf("got %+v, %v", p.task, err)
	}
}

func TestImageEnvironment(t *testing.T) {
	b := imageBench(t, nil, nil)
	spec := taskOf("a0")
	spec.TaskTemplate.GetContainer().Env = pairs("PATH", "/opt/bin", "NO_PROXY", "corp", "_U_EP_OVERRIDE", "evil:1", "FLYTE_API_KEY", "x")
	p, err := b.plan(t.Context(), order(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PATH": "/opt/bin", "NO_PROXY": "corp,localhost,127.0.0.1,::1,r1.inside", "no_proxy": "corp,localhost,127.0.0.1,::1,r1.inside",
		"_U_EP_OVERRIDE": "r1.inside:8090", "FLYTE_AWS_ENDPOINT": "http://r1.inside:8090", "PYTHONUNBUFFERED": "1", "FLYTE_AWS_ACCESS_KEY_ID": "key-r1",
	} {
		if got := p.task.Env[name]; got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"HOME", "LANG", "FLYTE_API_KEY"} {
		if got, ok := p.task.Env[name]; ok {
			t.Errorf("%s=%s is set", name, got)
		}
	}
}

// A secret's file can be read by the image's user, and is gone afterwards.
func TestImageSecretFile(t *testing.T) {
	secrets := t.TempDir()
	writeSecret(t, secrets, "cert", "CERT", 0o600)
	var mode os.FileMode
	var text string
	box := boxFunc(func(spec sandbox.Spec) {
		for _, m := range spec.Mounts {
			if m.Target == "/etc/flyte/secrets/cert" && m.ReadOnly {
				info, _ := os.Stat(m.Source)
				data, _ := os.ReadFile(m.Source)
				mode, text = info.Mode().Perm(), string(data)
			}
		}
	})
	b := imageBench(t, box, func(c *Config) { c.SecretsDir = secrets })
	spec := taskOf("a0")
	spec.TaskTemplate.SecurityContext = &core.SecurityContext{Secrets: []*core.Secret{{Key: "cert", MountRequirement: core.Secret_FILE}}}
	if end := b.Launch(t.Context(), order(t, spec)); end.Phase != succeeded {
		t.Fatalf("got %+v", end)
	}
	if mode != 0o444 || text != "CERT" {
		t.Errorf("mode %o, %q", mode, text)
	}
	if left, err := os.ReadDir(b.c.Images.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	b.c.Images.Apart = "it is on another machine"
	_, err := b.plan(t.Context(), order(t, spec))
	refused(t, err, codeEngine, "another machine", "--native")
}

// boxFunc is the fake sandbox with something done first.
type boxFunc func(sandbox.Spec)

func (f boxFunc) Start(ctx context.Context, spec sandbox.Spec, streams sandbox.Streams) (sandbox.Running, error) {
	f(spec)
	if len(spec.Args) == 0 {
		spec.Args = []string{"x"}
	}
	return new(fake).Start(ctx, spec, streams)
}

// outputsOf is where an attempt's outputs go on this machine.
func outputsOf(spec sandbox.Spec) string {
	i := slices.IndexFunc(spec.Mounts, func(m sandbox.Mount) bool { return m.Target == "/var/outputs" })
	return spec.Mounts[i].Source
}

func rawTask(outputs ...string) *task.TaskSpec {
	spec := taskOf("sh", "exit", "0")
	spec.TaskTemplate.Type = typeRaw
	spec.TaskTemplate.GetContainer().DataConfig = &core.DataLoadingConfig{Enabled: true}
	spec.TaskTemplate.Interface.Outputs = &core.VariableMap{}
	for _, name := range outputs {
		spec.TaskTemplate.Interface.Outputs.Variables = append(spec.TaskTemplate.Interface.Outputs.Variables,
			&core.VariableEntry{Key: name, Value: &core.Variable{Type: &core.LiteralType{Type: &core.LiteralType_Simple{Simple: core.SimpleType_INTEGER}}}})
	}
	return spec
}

func TestRawContainer(t *testing.T) {
	writes := func(files map[string]string) boxFunc {
		return func(spec sandbox.Spec) {
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(outputsOf(spec), name), []byte(text), 0o644); err != nil {
					t.Error(err)
				}
			}
		}
	}
	exit1 := rawTask("x")
	exit1.TaskTemplate.GetContainer().Args = []string{"sh", "exit", "1"}
	for _, tc := range []struct {
		name  string
		box   sandbox.Sandbox
		spec  *task.TaskSpec
		code  string // "": it succeeds
		kind  core.ExecutionError_ErrorKind
		words string
	}{
		{"outputs", writes(map[string]string{"x": "41\n"}), rawTask("x"), "", 0, ""},
		{"no outputs declared", writes(nil), rawTask(), "", 0, ""},
		{"one is missing", writes(map[string]string{"x": "41"}), rawTask("x", "y"), codeOutputsNotFound, user, "output y"},
		{"one is none", writes(map[string]string{"x": "many"}), rawTask("x"), codeBadOutput, user, `"many"`},
		{"told", writes(map[string]string{"x": "41", "_ERROR": "no luck"}), rawTask("x"), codeError, user, "no luck"},
		{"exit 1", writes(map[string]string{"x": "41"}), exit1, codeError, user, "exit code 1"},
		{"exit 1, told", writes(map[string]string{"_ERROR": "no luck"}), exit1, codeError, user, "no luck"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := imageBench(t, tc.box, nil)
			o := order(t, tc.spec)
			end := b.Launch(t.Context(), o)
			data, _, err := b.c.Objects.GetBytes(t.Context(), "runs/p/d/r1/a0/1/outputs.pb", 1000)
			if tc.code == "" {
				var out task.Outputs
				if end.Phase != succeeded || err != nil || proto.Unmarshal(data, &out) != nil {
					t.Fatalf("got %+v, %v", end, err)
				}
				if n := len(tc.spec.TaskTemplate.Interface.Outputs.Variables); len(out.Literals) != n || n > 0 && out.Literals[0].Value.GetScalar().GetPrimitive().GetInteger() != 41 {
					t.Errorf("outputs %v", &out)
				}
				return
			}
			if end.Phase != failing || end.Error.GetCode() != tc.code || end.Error.GetKind() != tc.kind || !strings.Contains(end.Error.GetMessage(), tc.words) || end.Retry != engine.RetryUser {
				t.Errorf("got %+v", end)
			}
			if err == nil {
				t.Error("it has outputs all the same")
			}
			if left, _ := os.ReadDir(b.c.Images.Dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A raw container gets neither keys nor the endpoint.
func TestRawContainerHasNoKeys(t *testing.T) {
	b := imageBench(t, nil, nil)
	p, err := b.plan(t.Context(), order(t, rawTask()))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range p.task.Env {
		if strings.HasPrefix(name, "FLYTE_AWS") || strings.Contains(value, "secret-r1") || name == "_U_EP_OVERRIDE" {
			t.Errorf("%s=%s", name, value)
		}
	}
	if len(p.task.Hosts) > 0 {
		t.Errorf("hosts %q", p.task.Hosts)
	}
	spec := rawTask()
	spec.TaskTemplate.GetContainer().DataConfig.OutputPath = "outputs"
	_, err = b.plan(t.Context(), order(t, spec))
	refused(t, err, codeBadTask, `"outputs"`)
}

// The outputs of an attempt that ended while no drydock was up are read by the
// next one, which does not do it twice.
func TestAdoptRawContainer(t *testing.T) {
	box := boxFunc(func(spec sandbox.Spec) {
		_ = os.WriteFile(filepath.Join(outputsOf(spec), "x"), []byte("41"), 0o644)
	})
	b := imageBench(t, box, nil)
	o := order(t, rawTask("x"))
	p, err := b.plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.c.Executor.Run(t.Context(), p.task, executor.WithID(o.TaskID)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		end, began := b.Adopt(t.Context(), o)
		if !began || end.Phase != succeeded {
			t.Fatalf("got %+v, %t", end, began)
		}
	}
	if _, err := b.c.Objects.Stat(t.Context(), "runs/p/d/r1/a0/1/outputs.pb"); err != nil {
		t.Error(err)
	}
}

// Whoever runs drydock hears of a container from which nothing comes, while the
// task still tries.
func TestSilenceIsTold(t *testing.T) {
	for _, reached := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var told []string
			b := imageBench(t, nil, func(c *Config) {
				c.Images.Reached = func(engine.RunID) bool { return reached }
				c.Images.Warn = func(text string) { told = append(told, text) }
			})
			b.Launch(t.Context(), order(t, taskOf("a0", "sleep", "5000"))) // over before that
			synctest.Wait()
			if len(told) > 0 {
				t.Errorf("too early: %q", told)
			}
			o := order(t, taskOf("a0", "sleep", "60000"))
			var mu sync.Mutex
			var notes []string
			o.Progress = func(p engine.Progress) {
				mu.Lock()
				defer mu.Unlock()
				notes = append(notes, p.Notes...)
			}
			b.Launch(t.Context(), o)
			synctest.Wait()
			if reached == (len(told) > 0) || !reached && (!strings.Contains(told[0], "172.17.0.1:8090; a firewall") || strings.Contains(told[0], "r1.inside")) {
				t.Errorf("reached %t, told %q", reached, told)
			}
			if noted := slices.ContainsFunc(notes, func(n string) bool { return slices.Contains(told, n) }); noted == reached {
				t.Errorf("reached %t, noted %t", reached, noted)
			}
		})
	}
}
