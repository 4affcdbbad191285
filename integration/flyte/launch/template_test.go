// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

func primitive(p *core.Primitive) *core.Literal {
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Primitive{Primitive: p}}}}
}

func blob(uri string) *core.Literal {
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Blob{Blob: &core.Blob{Uri: uri}}}}}
}

func TestCommandTemplates(t *testing.T) {
	b := newBench(t, nil, nil)
	o := order(t, taskOf("a0"))
	o.Attempt, o.OutputURI = 3, o.Run.OutputBase+"/a0/3"
	b.store.put("s3://drydock/runs/p/d/r1/a0/1/r1-a0-1/_flytecheckpoints", nil)
	b.store.putMessage(t, "s3://drydock/inputs/i1/inputs.pb", &task.Inputs{Literals: []*task.NamedLiteral{
		{Name: "i", Value: primitive(&core.Primitive{Value: &core.Primitive_Integer{Integer: -3}})},
		{Name: "f", Value: primitive(&core.Primitive{Value: &core.Primitive_FloatValue{FloatValue: 1.5}})},
		{Name: "s", Value: primitive(&core.Primitive{Value: &core.Primitive_StringValue{StringValue: "a {{.input}} b"}})},
		{Name: "b", Value: primitive(&core.Primitive{Value: &core.Primitive_Boolean{Boolean: true}})},
		{Name: "t", Value: primitive(&core.Primitive{Value: &core.Primitive_Datetime{Datetime: timestamppb.New(time.Unix(0, 0))}})},
		{Name: "d", Value: primitive(&core.Primitive{Value: &core.Primitive_Duration{Duration: durationpb.New(90 * time.Second)}})},
		{Name: "file", Value: blob("s3://b/k")},
		{Name: "list", Value: &core.Literal{Value: &core.Literal_Collection{Collection: &core.LiteralCollection{Literals: []*core.Literal{blob("x"), blob("y")}}}}},
		{Name: "map", Value: &core.Literal{Value: &core.Literal_Map{}}},
	}})
	for _, tc := range []struct{ word, want string }{
		{"{{.input}}", "s3://drydock/inputs/i1/inputs.pb"},
		{"x{{ $Input }}y", "xs3://drydock/inputs/i1/inputs.pby"},
		{"{{.INPUTPREFIX}}", "s3://drydock/inputs/i1"},
		{"{{.outputPrefix}}", "s3://drydock/runs/p/d/r1/a0/3"},
		{"{{.rawOutputDataPrefix}}", "s3://drydock/runs/p/d/r1/a0/3/r1-a0-3"},
		{"{{.checkpointOutputPrefix}}", "s3://drydock/runs/p/d/r1/a0/3/r1-a0-3/_flytecheckpoints"},
		{"{{.prevCheckpointPrefix}}", "s3://drydock/runs/p/d/r1/a0/1/r1-a0-1/_flytecheckpoints"}, // attempt 2 left none
		{"{{.runName}}/{{.actionName}}", "r1/a0"},
		{"{{.runStartTime}}", "2026-03-01T11:00:00.123456Z"},
		{"{{.perRetryUniqueKey}}", "r1_a0_3"},
		{"{{.namespace}}", "p-d"},
		{"{{.taskTemplatePath}}", "s3://drydock/runs/p/d/r1/a0/3/task.pb"},
		{"{{.inputs.i}} {{.Inputs.f}} {{ .inputs.b }}", "-3 1.5 true"},
		{"{{.inputs.s}}", "a {{.input}} b"}, // what was filled in is not looked at again
		{"{{.inputs.t}}", "1970-01-01T00:00:00Z"},
		{"{{.inputs.d}}", "1m30s"},
		{"{{.inputs.file}}", "s3://b/k"},
		{"{{.inputs.list}}", "[x,y]"},
		{"{{.unknown}} {{x}} {.input} {{.input.x}}", "{{.unknown}} {{x}} {.input} {{.input.x}}"},
	} {
		got, err := b.command(t.Context(), o, []string{tc.word})
		if err != nil {
			t.Errorf("%s: %v", tc.word, err)
			continue
		}
		if got[0] != tc.want {
			t.Errorf("%s becomes %q, want %q", tc.word, got[0], tc.want)
		}
	}
	if _, ok := b.store.data["runs/p/d/r1/a0/3/task.pb"]; !ok {
		t.Error("the task template was not written")
	}
	for _, word := range []string{"{{.inputs.none}}", "{{.inputs.map}}"} {
		_, err := b.command(t.Context(), o, []string{word})
		refused(t, err, codeBadTask, word)
	}
	b.store.fail = errors.New("disk gone")
	if _, err := b.command(t.Context(), o, []string{"{{.inputs.i}}"}); !errors.Is(err, errStorage) {
		t.Errorf("a storage that fails: %v", err)
	}
}

func TestPlacesWithoutInputs(t *testing.T) {
	o := order(t, taskOf("a0"))
	o.Action.InputURI = ""
	if got, want := inputURI(o), "s3://drydock/runs/p/d/r1/a0/inputs.pb"; got != want {
		t.Errorf("inputs at %s, want %s", got, want)
	}
	b := newBench(t, nil, nil)
	_, err := b.command(t.Context(), o, []string{"{{.inputs.x}}"})
	refused(t, err, codeBadTask, "no input of this name")
}

// The checkpoint of an attempt lies where that attempt wrote.
func TestCheckpointOfAnEarlierAttempt(t *testing.T) {
	b := newBench(t, nil, nil)
	o := order(t, taskOf("a0"))
	o.Attempt = 2
	o.Action.Attempts = []engine.Attempt{{Number: 1, OutputURI: "s3://drydock/elsewhere/1"}, {Number: 2}}
	first, err := b.command(t.Context(), o, []string{"{{.prevCheckpointPrefix}}"})
	if err != nil || first[0] != "" {
		t.Errorf("got %q, %v; want nothing, since there is none", first, err)
	}
	b.store.put("s3://drydock/elsewhere/1/r1-a0-1/_flytecheckpoints", []byte("x"))
	second, err := b.command(t.Context(), o, []string{"{{.prevCheckpointPrefix}}"})
	if err != nil || second[0] != "s3://drydock/elsewhere/1/r1-a0-1/_flytecheckpoints" {
		t.Errorf("got %q, %v", second, err)
	}
	o.Run.Spec.RawDataStorage = &task.RawDataStorage{RawDataPrefix: "gs://mine"}
	third, err := b.command(t.Context(), o, []string{"{{.prevCheckpointPrefix}}"})
	if err != nil || third[0] != "gs://mine/r1-a0-1/_flytecheckpoints" {
		t.Errorf("got %q, %v", third, err)
	}
}
