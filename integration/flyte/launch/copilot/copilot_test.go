// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/objects"
)

func openStore(t *testing.T) *objects.Store {
	t.Helper()
	s, err := objects.Open(t.TempDir(), objects.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *objects.Store, key, text string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(text), objects.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func literalOf(s *core.Scalar) *core.Literal {
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: s}}
}

func primitiveOf(p *core.Primitive) *core.Literal {
	return literalOf(&core.Scalar{Value: &core.Scalar_Primitive{Primitive: p}})
}

func number(n int64) *core.Literal {
	return primitiveOf(&core.Primitive{Value: &core.Primitive_Integer{Integer: n}})
}

func text(s string) *core.Literal {
	return primitiveOf(&core.Primitive{Value: &core.Primitive_StringValue{StringValue: s}})
}

func blob(uri string, d core.BlobType_BlobDimensionality) *core.Literal {
	return literalOf(&core.Scalar{Value: &core.Scalar_Blob{Blob: &core.Blob{Uri: uri,
		Metadata: &core.BlobMetadata{Type: &core.BlobType{Dimensionality: d}}}}})
}

func list(items ...*core.Literal) *core.Literal {
	return &core.Literal{Value: &core.Literal_Collection{Collection: &core.LiteralCollection{Literals: items}}}
}

func inputs(pairs ...any) *task.Inputs {
	in := &task.Inputs{}
	for i := 0; i < len(pairs); i += 2 {
		in.Literals = append(in.Literals, &task.NamedLiteral{Name: pairs[i].(string), Value: pairs[i+1].(*core.Literal)})
	}
	return in
}

// tree is every file below a directory with its text.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLayInputs(t *testing.T) {
	s := openStore(t)
	put(t, s, "up/data.csv", "a,b\n")
	put(t, s, "other/data.csv", "c\n")
	put(t, s, "dir/x.txt", "x")
	put(t, s, "dir/deep/y.txt", "y")
	when := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	object, _ := structpb.NewStruct(map[string]any{"k": 1})
	in := inputs(
		"n", number(42), "f", primitiveOf(&core.Primitive{Value: &core.Primitive_FloatValue{FloatValue: 1e21}}), "s", text("two\nlines"),
		"b", primitiveOf(&core.Primitive{Value: &core.Primitive_Boolean{Boolean: true}}),
		"t", primitiveOf(&core.Primitive{Value: &core.Primitive_Datetime{Datetime: timestamppb.New(when)}}),
		"d", primitiveOf(&core.Primitive{Value: &core.Primitive_Duration{Duration: durationpb.New(90 * time.Second)}}),
		"none", literalOf(&core.Scalar{Value: &core.Scalar_NoneType{NoneType: &core.Void{}}}),
		"maybe", literalOf(&core.Scalar{Value: &core.Scalar_Union{Union: &core.Union{Value: number(7)}}}),
		"bytes", literalOf(&core.Scalar{Value: &core.Scalar_Binary{Binary: &core.Binary{Value: []byte{0, 1}}}}),
		"object", literalOf(&core.Scalar{Value: &core.Scalar_Generic{Generic: object}}),
		"file", blob("s3://drydock/up/data.csv", core.BlobType_SINGLE), "dir", blob("s3://drydock/dir/", core.BlobType_MULTIPART),
		"files", list(blob("s3://drydock/up/data.csv", core.BlobType_SINGLE), blob("s3://drydock/other/data.csv", core.BlobType_SINGLE)),
		"numbers", list(number(1), number(2)),
		"map", &core.Literal{Value: &core.Literal_Map{Map: &core.LiteralMap{Literals: map[string]*core.Literal{"a": number(3)}}}},
	)
	plain := map[string]string{
		"n": "42", "f": "1000000000000000000000", "s": "two\nlines", "b": "true", "t": "2026-03-01T12:00:00.000005Z", "d": "1m30s", "none": "null", "maybe": "7",
		"bytes": "\x00\x01", "object": `{"k":1}`, "dir/x.txt": "x", "dir/deep/y.txt": "y", "numbers/0": "1", "numbers/1": "2", "map/a": "3",
	}
	for _, tc := range []struct {
		name   string
		config *core.DataLoadingConfig
		files  map[string]string
		all    string // the file with everything; "": only inputs.pb
		file   string // where "file" is in it
	}{
		{"direct", &core.DataLoadingConfig{}, map[string]string{"file": "a,b\n", "files/0": "a,b\n", "files/1": "c\n"}, "inputs.json", "/var/inputs/file"},
		{"named", &core.DataLoadingConfig{FileInputLayout: core.DataLoadingConfig_NAMED_DIR, Format: core.DataLoadingConfig_YAML},
			map[string]string{"file/data.csv": "a,b\n", "files/data.csv": "a,b\n", "files/1_data.csv": "c\n"}, "inputs.yaml", "/var/inputs/file/data.csv"},
		{"proto", &core.DataLoadingConfig{Format: core.DataLoadingConfig_PROTO}, map[string]string{"file": "a,b\n", "files/0": "a,b\n", "files/1": "c\n"}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := LayInputs(t.Context(), s, in, tc.config, dir, "/var/inputs"); err != nil {
				t.Fatal(err)
			}
			got := tree(t, dir)
			var together core.LiteralMap
			if err := proto.Unmarshal([]byte(got["inputs.pb"]), &together); err != nil || together.Literals["n"].GetScalar().GetPrimitive().GetInteger() != 42 {
				t.Errorf("inputs.pb: %v, %v", &together, err)
			}
			if tc.all != "" {
				var values map[string]any
				if err := json.Unmarshal([]byte(got[tc.all]), &values); err != nil {
					t.Error(err)
				}
				if values["n"] != 42.0 || values["file"] != tc.file || together.Literals["file"].GetScalar().GetBlob().GetUri() != tc.file {
					t.Errorf("%s: %v", tc.all, values)
				}
			}
			want := map[string]string{}
			for _, m := range []map[string]string{plain, tc.files} {
				for k, v := range m {
					want[k] = v
				}
			}
			delete(got, "inputs.pb")
			delete(got, tc.all)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLayInputsRefuses(t *testing.T) {
	s := openStore(t)
	for _, tc := range []struct {
		name  string
		in    *task.Inputs
		words string
	}{
		{"elsewhere", inputs("x", blob("s3://mine/a", core.BlobType_SINGLE)), "s3://mine/a"},
		{"gone", inputs("x", blob("s3://drydock/no", core.BlobType_SINGLE)), "run again"},
		{"a path for a name", inputs("../x", number(1)), "rename"},
		{"a path for a key", inputs("x", &core.Literal{Value: &core.Literal_Map{Map: &core.LiteralMap{Literals: map[string]*core.Literal{"../../y": number(3)}}}}), "rename"},
		{"a table", inputs("x", literalOf(&core.Scalar{Value: &core.Scalar_StructuredDataset{}})), "as a File or Dir"},
		{"nothing", inputs("x", &core.Literal{}), "no form"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := LayInputs(t.Context(), s, tc.in, nil, t.TempDir(), "/in")
			if bad, ok := errors.AsType[*InputError](err); !ok || !strings.Contains(bad.Error(), tc.words) {
				t.Errorf("got %v, want an InputError with %q", err, tc.words)
			}
		})
	}
	// What the storage itself fails with is no fault of the input's.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put(t, s, "a", "b")
	err := LayInputs(ctx, s, inputs("x", blob("s3://drydock/a", core.BlobType_SINGLE)), nil, t.TempDir(), "/in")
	if _, ok := errors.AsType[*InputError](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func variables(pairs ...any) *core.VariableMap {
	m := &core.VariableMap{}
	for i := 0; i < len(pairs); i += 2 {
		typ := &core.LiteralType{}
		switch t := pairs[i+1].(type) {
		case core.SimpleType:
			typ.Type = &core.LiteralType_Simple{Simple: t}
		case core.BlobType_BlobDimensionality:
			typ.Type = &core.LiteralType_Blob{Blob: &core.BlobType{Dimensionality: t, Format: "csv"}}
		case *core.LiteralType:
			typ = t
		}
		m.Variables = append(m.Variables, &core.VariableEntry{Key: pairs[i].(string), Value: &core.Variable{Type: typ}})
	}
	return m
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCollectOutputs(t *testing.T) {
	s, dir := openStore(t), t.TempDir()
	write(t, dir, map[string]string{
		"n": " 42\n", "f": "1.5", "s": "\n hello \t\n", "b": "True", "t": "2026-03-01T12:00:00+01:00", "d": "1h30m", "o": `{"k": 1}`,
		"model.csv": "data", "dir/a": "A", "dir/sub/b": "B", "unasked": "x",
	})
	vars := variables("n", core.SimpleType_INTEGER, "f", core.SimpleType_FLOAT, "s", core.SimpleType_STRING, "b", core.SimpleType_BOOLEAN,
		"t", core.SimpleType_DATETIME, "d", core.SimpleType_DURATION, "o", core.SimpleType_STRUCT, "model", core.BlobType_SINGLE, "dir", core.BlobType_MULTIPART)
	out, notes, err := CollectOutputs(t.Context(), s, vars, dir, "s3://drydock/raw/r-a-1")
	if err != nil {
		t.Fatal(err)
	}
	object, _ := structpb.NewStruct(map[string]any{"k": 1})
	files := func(uri string, d core.BlobType_BlobDimensionality) *core.Literal {
		l := blob(uri, d)
		l.GetScalar().GetBlob().Metadata.Type.Format = "csv"
		return l
	}
	want := inputs("n", number(42), "f", primitiveOf(&core.Primitive{Value: &core.Primitive_FloatValue{FloatValue: 1.5}}), "s", text("hello"),
		"b", primitiveOf(&core.Primitive{Value: &core.Primitive_Boolean{Boolean: true}}),
		"t", primitiveOf(&core.Primitive{Value: &core.Primitive_Datetime{Datetime: timestamppb.New(time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC))}}),
		"d", primitiveOf(&core.Primitive{Value: &core.Primitive_Duration{Duration: durationpb.New(90 * time.Minute)}}),
		"o", literalOf(&core.Scalar{Value: &core.Scalar_Generic{Generic: object}}),
		"model", files("s3://drydock/raw/r-a-1/model", core.BlobType_SINGLE), "dir", files("s3://drydock/raw/r-a-1/dir", core.BlobType_MULTIPART))
	if d := cmp.Diff(want.Literals, out.Literals, protocmp.Transform()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "output dir has directories inside") {
		t.Errorf("notes %q", notes)
	}
	for key, text := range map[string]string{"raw/r-a-1/model": "data", "raw/r-a-1/dir/a": "A", "raw/r-a-1/dir/sub/b": "B"} {
		if data, _, err := s.GetBytes(t.Context(), key, 100); err != nil || string(data) != text {
			t.Errorf("%s holds %q, %v", key, data, err)
		}
	}
}

func TestCollectOutputsRefuses(t *testing.T) {
	s := openStore(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		vars    *core.VariableMap
		make    func(t *testing.T, dir string)
		missing bool
		words   string
	}{
		{"missing", variables("x", core.SimpleType_INTEGER), nil, true, "wrote no file x"},
		{"two of an extension", variables("x", core.BlobType_SINGLE), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x.a": "", "x.b": ""}) }, true, "wrote no file x"},
		{"no integer", variables("x", core.SimpleType_INTEGER), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x": "lots"}) }, false, `"lots", which is no integer`},
		{"no object", variables("x", core.SimpleType_STRUCT), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x": "lots"}) }, false, "no JSON object"},
		{"too long", variables("x", core.SimpleType_STRING), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x": strings.Repeat("x", 1025)}) }, false, "1025 bytes"},
		{"a directory for text", variables("x", core.SimpleType_STRING), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x/y": ""}) }, false, "declare a Dir"},
		{"a directory for a file", variables("x", core.BlobType_SINGLE), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x/y": ""}) }, false, "it is a directory, and a file was declared"},
		{"a file for a directory", variables("x", core.BlobType_MULTIPART), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x": ""}) }, false, "it is a file, and a directory was declared"},
		{"a list", variables("x", &core.LiteralType{Type: &core.LiteralType_CollectionType{}}), func(t *testing.T, dir string) { write(t, dir, map[string]string{"x": ""}) }, false, "declare one of these"},
		{"a link out", variables("x", core.SimpleType_STRING), func(t *testing.T, dir string) { link(t, secret, filepath.Join(dir, "x")) }, false, "cannot be read"},
		{"a link out in a directory", variables("x", core.BlobType_MULTIPART), func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"x/a": ""})
			link(t, secret, filepath.Join(dir, "x/s"))
		}, false, "no ordinary file"},
		{"a directory that is a link", variables("x", core.BlobType_MULTIPART), func(t *testing.T, dir string) { link(t, filepath.Dir(secret), filepath.Join(dir, "x")) }, false, "cannot be read"},
		{"a pipe", variables("x", core.SimpleType_STRING), func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, false, "no ordinary file"},
		{"a path for a name", variables("../x", core.SimpleType_STRING), nil, false, "rename"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.make != nil {
				tc.make(t, dir)
			}
			out, _, err := CollectOutputs(t.Context(), s, tc.vars, dir, "s3://drydock/raw/"+strings.ReplaceAll(tc.name, " ", "-"))
			bad, ok := errors.AsType[*OutputError](err)
			if !ok || bad.Missing != tc.missing || !strings.Contains(bad.Error(), tc.words) {
				t.Errorf("got %v, %v, want an OutputError with %q", out, err, tc.words)
			}
		})
	}
	list, _, err := s.List(t.Context(), "raw/", "", 100)
	for _, o := range list {
		if data, _, _ := s.GetBytes(t.Context(), o.Key, 100); err != nil || strings.Contains(string(data), "hunter2") {
			t.Errorf("%s holds a file of the host's: %v", o.Key, err)
		}
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestToldError(t *testing.T) {
	dir := t.TempDir()
	if err := Told(dir); err != nil {
		t.Errorf("without a file: %v", err)
	}
	write(t, dir, map[string]string{"_ERROR": "no model\nconverged", "x": "1"})
	_, _, err := CollectOutputs(t.Context(), openStore(t), variables("x", core.SimpleType_INTEGER), dir, "s3://drydock/raw")
	for _, err := range []error{err, Told(dir)} {
		if told, ok := errors.AsType[*ToldError](err); !ok || told.Text != "no model\nconverged" {
			t.Errorf("got %v", err)
		}
	}
	write(t, dir, map[string]string{"_ERROR": strings.Repeat("x", maxErrorFile+1)})
	_, _, err = CollectOutputs(t.Context(), openStore(t), nil, dir, "s3://drydock/raw")
	if _, ok := errors.AsType[*OutputError](err); !ok {
		t.Errorf("a long one: %v", err)
	}
}
