// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"drydock/integration/flyte/flyteidl2/core"
)

// literalText is a value as {{.inputs.NAME}} shows it: the kinds that the
// backend renders (flyteplugins …/core/template), but for messagepack.
func literalText(l *core.Literal) (string, error) {
	switch v := l.GetValue().(type) {
	case *core.Literal_Scalar:
		return scalarText(v.Scalar)
	case *core.Literal_Collection:
		var texts []string
		for _, item := range v.Collection.GetLiterals() {
			text, err := literalText(item)
			if err != nil {
				return "", err
			}
			texts = append(texts, text)
		}
		return "[" + strings.Join(texts, ",") + "]", nil
	}
	return "", fmt.Errorf("a value of this kind has no text")
}

func scalarText(s *core.Scalar) (string, error) {
	switch v := s.GetValue().(type) {
	case *core.Scalar_Primitive:
		return primitiveText(v.Primitive)
	case *core.Scalar_Blob:
		return v.Blob.GetUri(), nil
	case *core.Scalar_StructuredDataset:
		return v.StructuredDataset.GetUri(), nil
	case *core.Scalar_Union:
		return literalText(v.Union.GetValue())
	case *core.Scalar_NoneType:
		return "", nil
	}
	return "", fmt.Errorf("a value of this kind has no text")
}

func primitiveText(p *core.Primitive) (string, error) {
	switch v := p.GetValue().(type) {
	case *core.Primitive_Integer:
		return strconv.FormatInt(v.Integer, 10), nil
	case *core.Primitive_FloatValue:
		return strconv.FormatFloat(v.FloatValue, 'g', -1, 64), nil
	case *core.Primitive_StringValue:
		return v.StringValue, nil
	case *core.Primitive_Boolean:
		return strconv.FormatBool(v.Boolean), nil
	case *core.Primitive_Datetime:
		return v.Datetime.AsTime().UTC().Format(time.RFC3339Nano), nil
	case *core.Primitive_Duration:
		return v.Duration.AsDuration().String(), nil
	}
	return "", fmt.Errorf("a primitive of this kind has no text")
}
