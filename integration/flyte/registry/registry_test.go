// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/project"
	"drydock/integration/flyte/flyteidl2/task"
)

func open(t *testing.T, path string) (*Registry, *book.Book) {
	t.Helper()
	b, err := book.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	frozen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // the clock stands: order must not depend on it
	r, err := New(b, func() time.Time { return frozen })
	if err != nil {
		t.Fatal(err)
	}
	return r, b
}

func id(name, version string) *task.TaskIdentifier {
	return &task.TaskIdentifier{Project: "p", Domain: "d", Name: name, Version: version}
}

func spec(short string) *task.TaskSpec {
	s := &task.TaskSpec{ShortName: short, Environment: &task.Environment{Name: "env"}, TaskTemplate: &core.TaskTemplate{Type: "python"}}
	s.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "from the future"))
	return s
}

func deploy(t *testing.T, r *Registry, id *task.TaskIdentifier, short string) {
	t.Helper()
	if err := r.Deploy(id, spec(short)); err != nil {
		t.Fatal(err)
	}
}

func versions(all []*task.TaskDetails) (out []string) {
	for _, t := range all {
		out = append(out, t.TaskId.Name+" "+t.TaskId.Version)
	}
	return out
}

func TestTasks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	r, b := open(t, path)
	deploy(t, r, id("a.x", "v2"), "x")
	deploy(t, r, id("a.x", "v1"), "x") // the newest is the last one deployed, whatever its name
	deploy(t, r, id("a.y", "v1"), "y")
	deploy(t, r, id("a", "v1"), "z")
	deploy(t, r, &task.TaskIdentifier{Project: "p", Domain: "other", Name: "a.x", Version: "v9"}, "x")
	if err := r.Deploy(id("a.x", "v1"), spec("x")); !errors.Is(err, ErrExists) {
		t.Errorf("deployed again: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	r, _ = open(t, path)

	for _, tt := range []struct{ version, want string }{{"", "v1"}, {"v1", "v1"}, {"v2", "v2"}} {
		got, err := r.Task(id("a.x", tt.version))
		if err != nil || got.TaskId.Version != tt.want {
			t.Errorf("version %q is %v, %v", tt.version, got.GetTaskId(), err)
		}
		if !proto.Equal(got.GetSpec(), spec("x")) {
			t.Errorf("the specification has changed: %v", got.GetSpec())
		}
		if got.Metadata.ShortName != "x" || got.Metadata.EnvironmentName != "env" || !got.Metadata.DeployedAt.IsValid() {
			t.Errorf("metadata: %v", got.Metadata)
		}
	}
	for _, missing := range []*task.TaskIdentifier{id("a.x", "v3"), id("b", ""), id("a.x ", "v1")} {
		if _, err := r.Task(missing); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v: %v", missing, err)
		}
	}
	for _, bad := range []*task.TaskIdentifier{id("a/x", "v3"), {}, nil, id("", "v"), {Project: "p/d", Name: "x", Version: "v"}} {
		if err := r.Deploy(bad, spec("x")); !errors.Is(err, ErrInvalid) {
			t.Errorf("deployed %v: %v", bad, err)
		}
	}
	all, err := r.Versions("p", "d", "a.x")
	if diff := cmp.Diff([]string{"a.x v1", "a.x v2"}, versions(all)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestTasksOfProject(t *testing.T) {
	r, _ := open(t, filepath.Join(t.TempDir(), "book"))
	deploy(t, r, id("a", "1"), "x")
	deploy(t, r, id("a", "2"), "y")
	deploy(t, r, id("b", "1"), "x")
	deploy(t, r, &task.TaskIdentifier{Project: "p2", Domain: "d", Name: "c", Version: "1"}, "x")
	deploy(t, r, &task.TaskIdentifier{Project: "p", Domain: "d2", Name: "a", Version: "3"}, "x")
	any := func(*task.TaskDetails) bool { return true }
	onlyX := func(t *task.TaskDetails) bool { return t.Spec.ShortName == "x" }
	for _, tt := range []struct {
		project, domain string
		match           func(*task.TaskDetails) bool
		want            []string
		total           int
	}{
		{"p", "d", any, []string{"b 1", "a 2"}, 2},
		{"p", "d", onlyX, []string{"b 1", "a 1"}, 2},
		{"p", "", any, []string{"a 3", "b 1", "a 2"}, 3},
		{"", "", any, []string{"a 3", "c 1", "b 1", "a 2"}, 4},
		{"none", "d", any, nil, 0},
	} {
		got, total, err := r.Tasks(tt.project, tt.domain, tt.match)
		if err != nil || total != tt.total {
			t.Errorf("%s/%s: total %d, %v", tt.project, tt.domain, total, err)
		}
		if diff := cmp.Diff(tt.want, versions(got)); diff != "" {
			t.Errorf("%s/%s: %s", tt.project, tt.domain, diff)
		}
	}
}

func TestDeployAtOnce(t *testing.T) {
	r, _ := open(t, filepath.Join(t.TempDir(), "book"))
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			if err := r.Touch("p", fmt.Sprint("d", i%3)); err != nil {
				t.Error(err)
			}
			errs[i] = r.Deploy(id(fmt.Sprint("task", i%20), "1"), spec("x"))
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	if made != 20 {
		t.Errorf("%d of 20 tasks were deployed", made)
	}
}

func names(p *Project) (out []string) {
	for _, d := range p.Domains {
		out = append(out, d.Id)
	}
	return out
}

func TestProjects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	r, b := open(t, path)
	if err := r.Touch("new", "special"); err != nil {
		t.Fatal(err)
	}
	if err := r.CreateProject(&project.Project{Id: "mine", Description: "of mine"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"mine", "new", DefaultProject} {
		if err := r.CreateProject(&project.Project{Id: id}); !errors.Is(err, ErrExists) {
			t.Errorf("%s made again: %v", id, err)
		}
	}
	// The SDK sends back what it read, without the domains.
	if err := r.UpdateProject(&project.Project{Id: "new", Name: "New", State: project.ProjectState_PROJECT_STATE_ARCHIVED}); err != nil {
		t.Fatal(err)
	}
	if err := r.UpdateProject(&project.Project{Id: "none"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("update of nothing: %v", err)
	}
	_ = b.Close()
	r, _ = open(t, path)
	all, err := r.Projects()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.Id)
	}
	if diff := cmp.Diff([]string{DefaultProject, "new", "mine"}, got); diff != "" {
		t.Error(diff)
	}
	p, err := r.Project("new")
	if err != nil || p.Name != "New" || p.State != project.ProjectState_PROJECT_STATE_ARCHIVED {
		t.Errorf("new is %v, %v", p, err)
	}
	if diff := cmp.Diff([]string{"development", "staging", "production", "special"}, names(p)); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Project("none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"", "d"}, {"p", ""}, {"a/b", "d"}} {
		if err := r.Touch(bad[0], bad[1]); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestBrokenRecords(t *testing.T) {
	r, b := open(t, filepath.Join(t.TempDir(), "book"))
	err := b.Update(func(tx book.Tx) error {
		return errors.Join(tx.Put(book.Tasks, "p/d/n/v", []byte("\xff")), tx.Put(book.Projects, "x", []byte("{")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Task(id("n", "v")); err == nil {
		t.Error("a broken task is read")
	}
	if _, _, err := r.Tasks("", "", func(*task.TaskDetails) bool { return true }); err == nil {
		t.Error("a broken task is listed")
	}
	if _, err := r.Projects(); err == nil {
		t.Error("a broken project is listed")
	}
	if err := r.Touch("x", "d"); err == nil {
		t.Error("a broken project is touched")
	}
}
