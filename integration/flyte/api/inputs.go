// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

const inputsFile = "inputs.pb"

// storeInputs writes a run's inputs where the task will read them, and
// returns the directory and a hash. Equal inputs are stored once.
//
// The directory is named after all that is in it; the hash, which caches go
// by, leaves out what the task's author said is of no consequence. With one
// name for both, a run could find the inputs of another.
func (s *server) storeInputs(ctx context.Context, base string, in *task.Inputs, spec *task.TaskSpec) (*common.OffloadedInputData, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	if err != nil {
		return nil, invalid("the inputs: %w", err)
	}
	digest := sha256.Sum256(data)
	key := path.Join(base, "offloaded-inputs", hex.EncodeToString(digest[:16]), inputsFile)
	if err := s.Objects.Write(ctx, key, data); err != nil {
		return nil, err
	}
	return &common.OffloadedInputData{
		Uri:        strings.TrimSuffix(s.Objects.URI(key), "/"+inputsFile),
		InputsHash: inputsHash(in, spec.GetTaskTemplate().GetMetadata().GetCacheIgnoreInputVars()),
	}, nil
}

// inputsHash is equal for inputs with the same values but for those in
// ignore, in whatever order they were given.
func inputsHash(in *task.Inputs, ignore []string) string {
	kept := slices.DeleteFunc(slices.Clone(in.GetLiterals()), func(l *task.NamedLiteral) bool { return slices.Contains(ignore, l.GetName()) })
	slices.SortStableFunc(kept, func(a, b *task.NamedLiteral) int { return cmp.Compare(a.GetName(), b.GetName()) })
	// It came over the wire or was marshalled before: it can be.
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&task.Inputs{Literals: kept})
	digest := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// complete adds the defaults of what a caller did not give. The SDK does so
// itself; other clients send what the user filled in.
func complete(in *task.Inputs, spec *task.TaskSpec) (*task.Inputs, error) {
	given := map[string]bool{}
	for _, l := range in.GetLiterals() {
		given[l.GetName()] = true
	}
	out := &task.Inputs{Literals: slices.Clone(in.GetLiterals()), Context: in.GetContext()}
	for _, p := range spec.GetDefaultInputs() {
		value, ok := p.GetParameter().GetBehavior().(*core.Parameter_Default)
		if ok && !given[p.GetName()] {
			given[p.GetName()] = true
			out.Literals = append(out.Literals, &task.NamedLiteral{Name: p.GetName(), Value: value.Default})
		}
	}
	for _, v := range spec.GetTaskTemplate().GetInterface().GetInputs().GetVariables() {
		if !given[v.GetKey()] {
			return nil, invalid("the task's input %q is missing", v.GetKey())
		}
	}
	return out, nil
}

// offloaded checks inputs that were stored before.
func (s *server) offloaded(ctx context.Context, in *common.OffloadedInputData) (*common.OffloadedInputData, error) {
	uri := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(in.GetUri(), "/"), "/"+inputsFile), "/")
	key, err := s.Objects.Key(uri + "/" + inputsFile)
	if err != nil {
		return nil, invalid("the inputs at %s: %w", in.GetUri(), err)
	}
	if _, err := s.Objects.MD5(ctx, key); err != nil {
		if isAbsent(err) {
			return nil, invalid("there are no inputs at %s any more", in.GetUri())
		}
		return nil, err
	}
	return &common.OffloadedInputData{Uri: uri, InputsHash: in.GetInputsHash()}, nil
}
