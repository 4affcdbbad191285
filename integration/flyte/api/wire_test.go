// SPDX-License-Identifier: Apache-2.0

package api

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"drydock/integration/flyte/testdata"
)

// services are the packages of the services in the recordings.
var services = map[string]string{
	"ActionsService": "actions", "ClusterService": "cluster", "DataProxyService": "dataproxy", "IdentityService": "auth",
	"ProjectService": "project", "RunService": "workflow", "TaskService": "task",
}

const recordedCalls = 322

// method finds the descriptor of a recorded call's method.
func method(t testing.TB, c testdata.Call) protoreflect.MethodDescriptor {
	t.Helper()
	d := descriptor(t, protoreflect.FullName("flyteidl2."+services[c.Service]+"."+c.Service))
	m := d.Methods().ByName(protoreflect.Name(c.Method))
	if m == nil {
		t.Fatalf("%s is not served", c)
	}
	return m
}

func descriptor(t testing.TB, service protoreflect.FullName) protoreflect.ServiceDescriptor {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(service)
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}

func procedure(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// message makes an empty message of a type.
func message(t testing.TB, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

func scenarios(t testing.TB) map[string][]testdata.Call {
	t.Helper()
	names, err := testdata.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]testdata.Call{}
	total := 0
	for _, name := range names {
		if all[name], err = testdata.Calls(name); err != nil {
			t.Fatal(err)
		}
		total += len(all[name])
	}
	if total != recordedCalls || len(all) != 28 {
		t.Fatalf("there are %d calls in %d conversations, there should be %d in 28", total, len(all), recordedCalls)
	}
	return all
}

// Nothing of what the SDK sends, and of what it was answered, is lost when it
// is decoded and encoded.
func TestRecordingsSurvive(t *testing.T) {
	messages := 0
	for name, calls := range scenarios(t) {
		for _, c := range calls {
			m := method(t, c)
			parts := [][]byte{c.Response}
			if m.IsStreamingServer() {
				var err error
				if parts, err = testdata.Frames(c.Response); err != nil {
					t.Fatalf("%s: %s: %v", name, c, err)
				}
			}
			survives(t, name+": "+c.String()+" request", message(t, m.Input()), c.Request)
			for _, part := range parts {
				survives(t, name+": "+c.String()+" response", message(t, m.Output()), part)
			}
			messages += 1 + len(parts)
		}
	}
	if messages < 700 {
		t.Errorf("only %d messages", messages)
	}
}

func survives(t *testing.T, what string, m proto.Message, data []byte) {
	t.Helper()
	if err := proto.Unmarshal(data, m); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	again, err := proto.Marshal(m)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if len(again) != len(data) {
		t.Errorf("%s has %d bytes, %d after decoding and encoding", what, len(data), len(again))
	}
	m2 := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(again, m2); err != nil || !proto.Equal(m, m2) {
		t.Errorf("%s is another one after encoding: %v", what, err)
	}
}
