// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

// The files that hold all inputs at once.
const (
	allProto = "inputs.pb"
	allJSON  = "inputs.json"
	allYAML  = "inputs.yaml"
)

// LayInputs writes every input into the directory dir, which exists: a
// primitive as text, a file or directory as itself, a list as a directory of
// files 0, 1, …, a map as a directory of its keys; and all of them together as
// inputs.pb and, by the configuration's format, inputs.json or inputs.yaml.
// What is inside names files by the path at which the program sees dir.
//
// Errors are *InputError where the input is to blame, and otherwise the
// storage's or the disk's.
func LayInputs(ctx context.Context, store Store, in *task.Inputs, c *core.DataLoadingConfig, dir, seenAt string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	l := layer{ctx: ctx, store: store, root: root, seenAt: seenAt, named: c.GetFileInputLayout() == core.DataLoadingConfig_NAMED_DIR}
	values, literals := map[string]any{}, map[string]*core.Literal{}
	for _, input := range in.GetLiterals() {
		name := input.GetName()
		if err := checkName(name); err != nil {
			return &InputError{name, err.Error()}
		}
		value, literal, err := l.literal(input.GetValue(), place{path: name, top: true})
		if u, ok := errors.AsType[*unfit](err); ok {
			return &InputError{name, u.reason}
		}
		if err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		values[name], literals[name] = value, literal
	}
	if err := l.together(c.GetFormat(), values, literals); err != nil {
		return err
	}
	return l.share()
}

// share lets everybody read what was written, whatever our umask is: the
// program's user is anybody.
func (l layer) share() error {
	return fs.WalkDir(l.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".": // it is the caller's
			return err
		case d.IsDir():
			return l.root.Chmod(name, 0o777)
		}
		return l.root.Chmod(name, 0o644)
	})
}

// layer writes inputs below one directory.
type layer struct {
	ctx    context.Context
	store  Store
	root   *os.Root
	seenAt string
	named  bool // files keep their names, each in a directory of its variable's
}

// place is where a value goes.
type place struct {
	path string          // below the root
	top  bool            // it is a variable's, and not an element's
	used map[string]bool // names that files of the same list have; nil: they are numbered
}

// unfit says why a value cannot be a file.
type unfit struct{ reason string }

func (e *unfit) Error() string { return e.reason }

// together writes the files that hold everything.
func (l layer) together(format core.DataLoadingConfig_LiteralMapFormat, values map[string]any, literals map[string]*core.Literal) error {
	data, err := proto.Marshal(&core.LiteralMap{Literals: literals})
	if err != nil {
		return err
	}
	if err := l.write(allProto, data); err != nil {
		return err
	}
	name := allJSON
	switch format {
	case core.DataLoadingConfig_PROTO:
		return nil
	case core.DataLoadingConfig_YAML:
		name = allYAML // JSON is YAML, too
	}
	if data, err = json.Marshal(values); err != nil {
		return err
	}
	return l.write(name, append(data, '\n'))
}

func (l layer) write(name string, data []byte) error { return l.root.WriteFile(name, data, 0o644) }

// literal writes one value. It returns it as JSON has it, and as the program
// finds it: files by their paths.
func (l layer) literal(v *core.Literal, at place) (any, *core.Literal, error) {
	switch t := v.GetValue().(type) {
	case *core.Literal_Scalar:
		return l.scalar(v, t.Scalar, at)
	case *core.Literal_Collection:
		return l.list(t.Collection, at)
	case *core.Literal_Map:
		return l.table(t.Map, at)
	}
	return nil, nil, &unfit{"a value of this kind has no form as a file; pass it as text or as a File"}
}

func (l layer) list(c *core.LiteralCollection, at place) (any, *core.Literal, error) {
	if err := l.root.Mkdir(at.path, 0o777); err != nil {
		return nil, nil, err
	}
	var used map[string]bool
	if l.named {
		used = map[string]bool{}
	}
	values, literals := []any{}, []*core.Literal{}
	for i, item := range c.GetLiterals() {
		value, literal, err := l.literal(item, place{path: path.Join(at.path, strconv.Itoa(i)), used: used})
		if err != nil {
			return nil, nil, err
		}
		values, literals = append(values, value), append(literals, literal)
	}
	return values, &core.Literal{Value: &core.Literal_Collection{Collection: &core.LiteralCollection{Literals: literals}}}, nil
}

func (l layer) table(m *core.LiteralMap, at place) (any, *core.Literal, error) {
	if err := l.root.Mkdir(at.path, 0o777); err != nil {
		return nil, nil, err
	}
	values, literals := map[string]any{}, map[string]*core.Literal{}
	for key, item := range m.GetLiterals() {
		if err := checkName(key); err != nil {
			return nil, nil, &unfit{err.Error()}
		}
		value, literal, err := l.literal(item, place{path: path.Join(at.path, key)})
		if err != nil {
			return nil, nil, err
		}
		values[key], literals[key] = value, literal
	}
	return values, &core.Literal{Value: &core.Literal_Map{Map: &core.LiteralMap{Literals: literals}}}, nil
}

func (l layer) scalar(v *core.Literal, s *core.Scalar, at place) (any, *core.Literal, error) {
	switch t := s.GetValue().(type) {
	case *core.Scalar_Primitive:
		value, text := primitive(t.Primitive)
		return value, v, l.write(at.path, []byte(text))
	case *core.Scalar_NoneType:
		return nil, v, l.write(at.path, []byte("null"))
	case *core.Scalar_Union:
		return l.literal(t.Union.GetValue(), at)
	case *core.Scalar_Binary:
		return t.Binary.GetValue(), v, l.write(at.path, t.Binary.GetValue())
	case *core.Scalar_Error:
		return t.Error.GetMessage(), v, l.write(at.path, []byte(t.Error.GetMessage()))
	case *core.Scalar_Generic:
		data, err := protojson.Marshal(t.Generic)
		if err != nil {
			return nil, nil, err
		}
		return json.RawMessage(data), v, l.write(at.path, data)
	case *core.Scalar_Blob:
		where, err := l.blob(t.Blob, at)
		if err != nil {
			return nil, nil, err
		}
		seen := path.Join(l.seenAt, where)
		return seen, &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Blob{
			Blob: &core.Blob{Metadata: t.Blob.GetMetadata(), Uri: seen}}}}}, nil
	}
	return nil, nil, &unfit{"a value of this kind has no form as a file; pass it as a File or Dir"}
}

// copyTo writes a stream into a file.
func (l layer) copyTo(name string, in io.Reader) error {
	out, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
