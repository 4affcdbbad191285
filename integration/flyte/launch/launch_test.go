// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// observe collects an order's progress.
func observe(o *engine.Order) *[]engine.Progress {
	var all []engine.Progress
	o.Progress = func(p engine.Progress) { all = append(all, p) }
	return &all
}

func phases(all []engine.Progress) []string {
	var names []string
	for _, p := range all {
		if p.Phase != 0 {
			names = append(names, strings.TrimPrefix(p.Phase.String(), "ACTION_PHASE_"))
		}
	}
	return names
}

func TestLaunchSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, nil)
		o := order(t, withResources(withOutput(taskOf("a0", "touch", "20", "sleep", "500")), false, "MEMORY", "48Mi", "EPHEMERAL_STORAGE", "1Gi"))
		b.store.put(o.OutputURI+"/outputs.pb", nil)
		b.store.put(o.OutputURI+"/report.html", []byte("<p>"))
		all := observe(&o)
		end := b.Launch(t.Context(), o)
		if end.Phase != succeeded || end.Error != nil || !end.HasReport || end.Started.IsZero() || end.Result == nil {
			t.Fatalf("got %+v", end)
		}
		if got := phases(*all); !slices.Equal(got, []string{"INITIALIZING", "RUNNING"}) {
			t.Errorf("phases %q", got)
		}
		if first := (*all)[0]; first.Sandbox != "native" || first.Image != "" {
			t.Errorf("it begins with %+v", first)
		}
		admitted := (*all)[1]
		if admitted.Memory != 48*mib || !slices.ContainsFunc(admitted.Limits, func(e sandbox.Enforcement) bool {
			return e.Limit == "disk" && e.State == sandbox.Emulated
		}) {
			t.Errorf("memory %d, limits %v", admitted.Memory, admitted.Limits)
		}
		for _, notes := range [][]string{admitted.Notes, end.Notes} {
			text := strings.Join(notes, "\n")
			if !strings.Contains(text, "image img:1 is not used") || !strings.Contains(text, "48 MiB is under what the Flyte SDK itself needs") {
				t.Errorf("notes %q", notes)
			}
		}
		if !slices.ContainsFunc(*all, func(p engine.Progress) bool { return p.Sample != nil }) {
			t.Error("no samples")
		}
	})
}

func TestLaunchRunsOutOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, nil)
		o := order(t, withResources(taskOf("a0", "touch", "300"), false, "CPU", "1", "MEMORY", "250Mi"))
		all := observe(&o)
		end := b.Launch(t.Context(), o)
		e := end.Error
		if end.Phase != failing || end.Retry != engine.RetryUser || e.GetCode() != codeOOM || e.GetKind() != user || e.GetTimestamp() == nil {
			t.Fatalf("got %+v", end)
		}
		for _, word := range []string{"out of memory: hog", "250 MiB", `.override(resources=flyte.Resources(cpu=1, memory="500Mi"))`} {
			if !strings.Contains(e.Message, word) {
				t.Errorf("%q does not say %q", e.Message, word)
			}
		}
		if !slices.ContainsFunc(*all, func(p engine.Progress) bool { return p.OOM != nil && p.OOM.Limit == 250*mib }) {
			t.Error("the OOM was not told")
		}
	})
}

func TestLaunchTimesOutAndAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, nil)
		o := order(t, taskOf("a0", "sleep", "60000"))
		o.Timeout = 2e9
		if end := b.Launch(t.Context(), o); end.Phase != timedOut || end.Error.GetCode() != codeMaxRuntime {
			t.Errorf("got %+v", end)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o = order(t, taskOf("a0", "sleep", "60000"))
		o.Progress = func(p engine.Progress) {
			if p.Phase == common.ActionPhase_ACTION_PHASE_RUNNING {
				cancel()
			}
		}
		b.store.put(o.OutputURI+"/report.html", nil)
		if end := b.Launch(ctx, o); end.Phase != aborted || end.Error != nil || !end.HasReport {
			t.Errorf("got %+v", end)
		}
	})
}

func TestLaunchWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, nil)
		first := order(t, withResources(taskOf("a0", "sleep", "1000"), false, "MEMORY", "3Gi"))
		go b.Launch(t.Context(), first)
		synctest.Wait()
		second := order(t, withResources(taskOf("a0"), false, "MEMORY", "2Gi"))
		all := observe(&second)
		if end := b.Launch(t.Context(), second); end.Phase != succeeded {
			t.Errorf("got %+v", end)
		}
		if got := phases(*all); !slices.Equal(got, []string{"WAITING_FOR_RESOURCES", "INITIALIZING", "RUNNING"}) || (*all)[1].Waiting == "" {
			t.Errorf("phases %q, waiting %q", got, (*all)[1].Waiting)
		}
		synctest.Wait()
	})
}

func TestLaunchRefusals(t *testing.T) {
	b := newBench(t, nil, nil)
	end := b.Launch(t.Context(), order(t, withResources(taskOf("a0"), false, "MEMORY", "64Gi")))
	if end.Phase != failing || end.Retry != engine.RetryNever || end.Error.GetCode() != codeRefused || end.Error.GetKind() != user ||
		!strings.Contains(end.Error.GetMessage(), "64Gi") || !strings.Contains(end.Error.GetMessage(), "4Gi") {
		t.Errorf("got %+v", end)
	}
	same := order(t, taskOf("a0"))
	b.Launch(t.Context(), same)
	if end := b.Launch(t.Context(), same); end.Error.GetKind() != system || end.Retry != engine.RetrySystem {
		t.Errorf("a second launch with one id: %+v", end)
	}
}

func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	bench := func() bench {
		return newBench(t, nil, func(c *Config) {
			x, err := executor.New(executor.Config{Sandbox: &fake{}, StateDir: dir, Capacity: executor.Capacity{CPUMilli: 4000, Memory: 4 << 30}})
			if err != nil {
				t.Fatal(err)
			}
			c.Executor = x
		})
	}
	o := order(t, withResources(taskOf("a0", "touch", "300"), false, "MEMORY", "250Mi"))
	before := bench().Launch(t.Context(), o)
	o.Action.Attempts = []engine.Attempt{{Number: 1, Notes: before.Notes}}
	after, began := bench().Adopt(t.Context(), o)
	if !began {
		t.Fatal("it began")
	}
	after.Result, before.Result = nil, nil
	diff(t, before, after)

	never := order(t, taskOf("a0"))
	if end, began := bench().Adopt(t.Context(), never); began {
		t.Errorf("adopted what never began: %+v", end)
	}
}

// Nothing of a secret is written down, wherever it might be.
func TestSecretsAreNotRecorded(t *testing.T) {
	secrets, state := t.TempDir(), t.TempDir()
	writeSecret(t, secrets, "token", "hunter2hunter2", 0o600)
	b := newBench(t, nil, func(c *Config) {
		x, err := executor.New(executor.Config{Sandbox: &fake{}, StateDir: state, Capacity: executor.Capacity{CPUMilli: 4000, Memory: 4 << 30}})
		if err != nil {
			t.Fatal(err)
		}
		c.Executor, c.SecretsDir = x, secrets
	})
	spec := taskOf("a0", "exit", "1")
	spec.TaskTemplate.SecurityContext = &core.SecurityContext{Secrets: []*core.Secret{{Key: "token", EnvVar: "TOKEN"}}}
	o := order(t, spec)
	end := b.Launch(t.Context(), o)
	if text := end.Error.String() + strings.Join(end.Notes, " "); strings.Contains(text, "hunter2") || strings.Contains(text, "secret-r1") {
		t.Errorf("told: %s", text)
	}
	err := filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "hunter2") || strings.Contains(string(data), "secret-r1") {
			t.Errorf("%s holds it", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
