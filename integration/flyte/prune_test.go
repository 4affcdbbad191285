// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
	"drydock/integration/flyte/objects"
)

// store is what a test finds in a store that no server has.
type store struct {
	t *testing.T
	h Home
}

func (s store) objects() (keys []string) {
	s.t.Helper()
	o, err := objects.Open(s.h.objects(), objects.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer o.Close()
	all, _, err := o.List(s.t.Context(), "", "", 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, info := range all {
		keys = append(keys, info.Key)
	}
	return keys
}

// records are the keys of what the book says of runs and of the cache.
func (s store) records() (keys []string) {
	s.t.Helper()
	b, err := book.OpenFile(s.h.book())
	if err != nil {
		s.t.Fatal(err)
	}
	defer b.Close()
	err = b.View(func(tx book.Tx) error {
		for _, bucket := range []book.Bucket{book.Runs, book.RunTimes, book.Specs, book.States, book.Cache} {
			tx.Scan(bucket, "", "", func(key string, _ []byte) bool {
				keys = append(keys, string(bucket)+": "+key)
				return true
			})
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// The runs that are over go, with what they left in the cache, and of the
// objects those that nobody refers to.
func TestPrune(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	h := Home{StateDir: c.StateDir}
	s, stop := startUntil(t, c)
	createRun(t, s, "old", "ok")
	createRun(t, s, "lender", "ok")
	kept := taskSpec("ok")
	kept.GetTaskTemplate().GetContainer().Args = []string{"--tgz", objects.URI("uploads/demo/development/A/code.tgz")}
	createRunOf(t, s, "kept", kept)
	for _, name := range []string{"old", "lender", "kept"} {
		newsUntil(t, s, engine.RunID{Project: "demo", Domain: "development", Name: name}, NewsOver)
	}
	// An output that holds another's raw data by reference, as a message has it.
	loan, err := proto.Marshal(&task.TaskSpec{ShortName: objects.URI("runs/demo/development/lender/a0/1/raw/x")})
	if err != nil {
		t.Fatal(err)
	}
	for key, content := range map[string][]byte{
		"runs/demo/development/old/a0/1/outputs.pb":       []byte("o"),
		"runs/demo/development/old/a0/1/raw/big":          []byte(strings.Repeat("x", 1000)),
		"runs/demo/development/lender/a0/1/raw/x":         []byte("x"),
		"runs/demo/development/kept/a0/1/outputs.pb":      loan,
		"runs/demo/development/kept/a0/1/inputs.pb":       filesInDataclass("uploads/demo/development/M/data.csv", "uploads/demo/development/S/my file, the 2nd.csv"),
		"uploads/demo/development/A/code.tgz":             []byte("a"),
		"uploads/demo/development/M/data.csv":             []byte("m"),
		"uploads/demo/development/MM/data.csv":            []byte("m"),
		"uploads/demo/development/S/my file, the 2nd.csv": []byte("s"),
		"/a.pb":                               []byte("a"),
		"uploads/demo/development/B/code.tgz": []byte("b"),
		"demo/development/offloaded-inputs/1/inputs.pb": []byte("i"),
		"mine/data": []byte("m"),
	} {
		if _, err := s.parts.objects.Put(t.Context(), key, strings.NewReader(string(content)), objects.PutOptions{Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
	}
	err = s.parts.book.Update(func(tx book.Tx) error {
		return errors.Join(tx.Put(book.Cache, "global/1", []byte(`{"action":"demo/development/old/a0"}`)),
			tx.Put(book.Cache, "global/2", []byte(`{"action":"demo/development/kept/a0"}`)))
	})
	if err != nil {
		t.Fatal(err)
	}
	all := Prune{Keep: 1, Now: time.Now().Add(26 * time.Hour)}
	var inUse *InUseError
	if _, err := h.Prune(t.Context(), all); !errors.As(err, &inUse) || inUse.Info == nil {
		t.Errorf("with a server: %v", err)
	}
	stop()

	at := store{t, h}
	objectsBefore, recordsBefore := at.objects(), at.records()
	late := all
	late.OlderThan = 27 * time.Hour
	if done, err := h.Prune(t.Context(), late); err != nil || len(done.Runs) != 0 || done.Objects != 0 {
		t.Errorf("nothing is that old: %+v, %v", done, err)
	}
	dry := all
	dry.DryRun, dry.Now = true, time.Now().Add(time.Hour)
	if would, err := h.Prune(t.Context(), dry); err != nil || would.Objects != 3 {
		t.Errorf("code that clients may still refer to would go: %+v, %v", would, err)
	}
	dry.Now = all.Now
	would, err := h.Prune(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(at.objects(), objectsBefore) || !slices.Equal(at.records(), recordsBefore) {
		t.Error("a dry run changed something")
	}
	did, err := h.Prune(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, done := range []Pruned{would, did} {
		if len(done.Runs) != 2 || done.Runs[0].ID.Name != "lender" || done.Runs[1].ID.Name != "old" || done.Runs[1].Bytes != 1001 ||
			done.Objects != 5 || done.Bytes != 1004 || done.Open != 0 {
			t.Errorf("%+v", done)
		}
	}
	if got, want := strings.Join(at.objects(), " "), "/a.pb demo/development/offloaded-inputs/e3b0c44298fc1c149afbf4c8996fb924/inputs.pb mine/data runs/demo/development/kept/a0/1/inputs.pb runs/demo/development/kept/a0/1/outputs.pb runs/demo/development/lender/a0/1/raw/x uploads/demo/development/A/code.tgz uploads/demo/development/M/data.csv uploads/demo/development/S/my file, the 2nd.csv"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
	for _, record := range at.records() {
		if !strings.Contains(record, "demo/development/kept") && record != "cache: global/2" {
			t.Errorf("the book still has %s", record)
		}
	}

	// The next server knows no more of them, and all of the one that is left.
	s = start(t, c)
	for run, want := range map[string]int{"old": 404, "lender": 404, "kept": 200} {
		if code, _ := fetch(t, s.url()+"/v2/domain/development/project/demo/runs/"+run); code != want {
			t.Errorf("run %s: %d, want %d", run, code, want)
		}
	}
}

// filesInDataclass is a literal that holds files of the store in a dataclass,
// as the SDK writes it (MessagePack): what follows a text is no text's end.
func filesInDataclass(keys ...string) []byte {
	packed := []byte{0x80 | byte(len(keys))}
	for _, key := range keys {
		uri := objects.URI(key)
		packed = append(packed, "\xa4file\x82\xa4path\xd9"...)
		packed = append(packed, byte(len(uri)))
		packed = append(packed, uri+"\xa6format\xa0"...)
	}
	literal := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), packed)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), literal)
}

// While a run is not over, everything stays.
func TestPruneSparesOpenRuns(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s, stop := startUntil(t, c)
	newsUntil(t, s, createRun(t, s, "over", "ok"), NewsOver)
	newsUntil(t, s, createRun(t, s, "open", "hold"), NewsStarted)
	stop()
	at := store{t, Home{StateDir: c.StateDir}}
	before := at.records()
	done, err := at.h.Prune(t.Context(), Prune{Now: time.Now()})
	if err != nil || done.Open != 1 || len(done.Runs) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if !slices.Equal(at.records(), before) {
		t.Error("something was removed")
	}
}

// A run of which nobody knows when it ended is as old as its creation.
func TestPruneOfUnknownEnd(t *testing.T) {
	c := testConfig(t, newFakeLauncher())
	s, stop := startUntil(t, c)
	newsUntil(t, s, createRun(t, s, "over", "ok"), NewsOver)
	err := s.parts.book.Update(func(tx book.Tx) error { return tx.Delete(book.States, "demo/development/over/a0") })
	if err != nil {
		t.Fatal(err)
	}
	stop()
	h := Home{StateDir: c.StateDir}
	for days, want := range map[int]int{29: 0, 31: 1} {
		now := time.Now().Add(time.Duration(days) * 24 * time.Hour)
		done, err := h.Prune(t.Context(), Prune{OlderThan: 30 * 24 * time.Hour, DryRun: true, Now: now})
		if err != nil || len(done.Runs) != want {
			t.Errorf("after %d days %d would go, want %d (%v)", days, len(done.Runs), want, err)
		}
	}
}

func TestPruneOfNothing(t *testing.T) {
	h := Home{StateDir: t.TempDir()}
	if done, err := h.Prune(t.Context(), Prune{Now: time.Now()}); err != nil || len(done.Runs) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestMentioned(t *testing.T) {
	inner, err := proto.Marshal(&task.TaskSpec{ShortName: objects.URI("uploads/a/code.tgz"), DefaultInputs: []*task.NamedParameter{{Name: objects.URI("dir/b/")}}})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := proto.Marshal(&workflow.TaskAction{Spec: &task.TaskSpec{ShortName: string(inner[:2])}, Id: &task.TaskIdentifier{Name: objects.URI("c") + " and " + objects.URI("d")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
		want []string
	}{
		{"nothing", []byte("text"), nil},
		{"a text", []byte(objects.URI("x/y")), []string{"x/y"}},
		{"in a text", []byte(`--code="` + objects.URI("x/y") + `", ` + objects.URI("z/")), []string{"x/y", "z"}},
		{"another store's", []byte("s3://elsewhere/x"), nil},
		{"fields", inner, []string{"uploads/a/code.tgz", "dir/b"}},
		{"nested fields", outer, []string{"c", "d"}},
		{"torn", inner[:len(inner)-1], nil},
		{"without an end", []byte(strings.Repeat("\x0a\x7f", 1000) + objects.URI("deep")), []string{"deep"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var found []string
			mentioned(tc.data, func(rest string) { found = append(found, rest) })
			for _, want := range tc.want {
				if !slices.ContainsFunc(found, func(rest string) bool { return strings.HasPrefix(rest, want) }) {
					t.Errorf("%q is not among %v", want, found)
				}
			}
			if tc.want == nil && tc.name != "torn" && len(found) > 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

// startUntil serves until stop, which leaves open runs to the next server.
func startUntil(t *testing.T, c Config) (s *Server, stop func()) {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	return s, func() {
		s.Shutdown(context.Background(), Keep, "")
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func createRunOf(t *testing.T, s *Server, name string, spec *task.TaskSpec) {
	t.Helper()
	c := workflowconnect.NewRunServiceClient(http.DefaultClient, s.url())
	_, err := c.CreateRun(t.Context(), connect.NewRequest(&workflow.CreateRunRequest{
		Id:   &workflow.CreateRunRequest_RunId{RunId: runIdentifier(engine.RunID{Project: "demo", Domain: "development", Name: name})},
		Task: &workflow.CreateRunRequest_TaskSpec{TaskSpec: spec},
	}))
	if err != nil {
		t.Fatal(err)
	}
}
