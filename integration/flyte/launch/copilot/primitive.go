// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/flyteidl2/core"
)

// primitive is a value for JSON, and as the text of a file (flytecopilot's
// handlePrimitive).
func primitive(p *core.Primitive) (value any, text string) {
	switch v := p.GetValue().(type) {
	case *core.Primitive_Integer:
		return v.Integer, strconv.FormatInt(v.Integer, 10)
	case *core.Primitive_FloatValue:
		text := strconv.FormatFloat(v.FloatValue, 'f', -1, 64)
		if math.IsNaN(v.FloatValue) || math.IsInf(v.FloatValue, 0) {
			return text, text // JSON has no such number
		}
		return v.FloatValue, text
	case *core.Primitive_StringValue:
		return v.StringValue, v.StringValue
	case *core.Primitive_Boolean:
		return v.Boolean, strconv.FormatBool(v.Boolean)
	case *core.Primitive_Datetime:
		t := v.Datetime.AsTime().UTC()
		return t, t.Format(time.RFC3339Nano)
	case *core.Primitive_Duration:
		d := v.Duration.AsDuration()
		return d, d.String()
	}
	return nil, "null"
}

// simple reads a file's text as a value of a declared type (flyteidl's
// coreutils.MakeLiteralForSimpleType: what surrounds it is cut off, also of a
// string).
func simple(t core.SimpleType, text string) (*core.Literal, error) {
	text = strings.Trim(text, " \n\t")
	var s core.Scalar
	switch t {
	case core.SimpleType_NONE:
		s.Value = &core.Scalar_NoneType{NoneType: &core.Void{}}
	case core.SimpleType_BINARY:
		s.Value = &core.Scalar_Binary{Binary: &core.Binary{Value: []byte(text)}}
	case core.SimpleType_ERROR:
		s.Value = &core.Scalar_Error{Error: &core.Error{Message: text}}
	case core.SimpleType_STRUCT:
		m := &structpb.Struct{}
		if err := protojson.Unmarshal([]byte(text), m); err != nil {
			return nil, fmt.Errorf("it holds no JSON object")
		}
		s.Value = &core.Scalar_Generic{Generic: m}
	default:
		p, err := parse(t, text)
		if err != nil {
			return nil, err
		}
		s.Value = &core.Scalar_Primitive{Primitive: p}
	}
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &s}}, nil
}

func parse(t core.SimpleType, text string) (*core.Primitive, error) {
	bad := func(what string) error { return fmt.Errorf("it holds %q, which is no %s", clip(text), what) }
	switch t {
	case core.SimpleType_INTEGER:
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, bad("integer")
		}
		return &core.Primitive{Value: &core.Primitive_Integer{Integer: v}}, nil
	case core.SimpleType_FLOAT:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, bad("number")
		}
		return &core.Primitive{Value: &core.Primitive_FloatValue{FloatValue: v}}, nil
	case core.SimpleType_BOOLEAN:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, bad("boolean (true or false)")
		}
		return &core.Primitive{Value: &core.Primitive_Boolean{Boolean: v}}, nil
	case core.SimpleType_STRING:
		return &core.Primitive{Value: &core.Primitive_StringValue{StringValue: text}}, nil
	case core.SimpleType_DATETIME:
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, bad("time of RFC 3339 (2006-01-02T15:04:05Z)")
		}
		return &core.Primitive{Value: &core.Primitive_Datetime{Datetime: timestamppb.New(v)}}, nil
	case core.SimpleType_DURATION:
		v, err := time.ParseDuration(text)
		if err != nil {
			return nil, bad("duration (1h30m, 300ms)")
		}
		return &core.Primitive{Value: &core.Primitive_Duration{Duration: durationpb.New(v)}}, nil
	}
	return nil, fmt.Errorf("its type %s has no form as a file", t)
}

func clip(text string) string {
	const most = 60
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
