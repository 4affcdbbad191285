// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/objects"
)

// errorFile is where a program may say why it failed, and maxErrorFile the
// most that it may say there (flytecopilot upload.go).
const (
	errorFile    = "_ERROR"
	maxErrorFile = 1 << 20
)

// maxSimple is the longest text of a simple output, in bytes (flytecopilot's
// maxPrimitiveSize).
const maxSimple = 1024

// CollectOutputs reads the outputs that vars declares from dir, the program's
// output directory on this machine: text by the declared type, files and
// directories stored below rawURI. notes are what a cluster would do otherwise.
//
// Errors are *ToldError and *OutputError where the program is to blame, and
// otherwise the storage's or the disk's. The directory was the program's: links
// that lead out of it are not followed.
func CollectOutputs(ctx context.Context, store Store, vars *core.VariableMap, dir, rawURI string) (out *task.Outputs, notes []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	c := &collector{ctx: ctx, store: store, root: root, rawURI: rawURI}
	if err := c.told(); err != nil {
		return nil, nil, err
	}
	out = &task.Outputs{}
	for _, v := range vars.GetVariables() {
		literal, err := c.variable(v.GetKey(), v.GetValue().GetType())
		if err != nil {
			return nil, nil, err
		}
		out.Literals = append(out.Literals, &task.NamedLiteral{Name: v.GetKey(), Value: literal})
	}
	return out, c.notes, nil
}

// Told returns the failure that a program wrote down, or nil.
func Told(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil // nothing was written down there
	}
	defer root.Close()
	if told, ok := errors.AsType[*ToldError]((&collector{root: root}).told()); ok {
		return told
	}
	return nil
}

// collector reads one output directory.
type collector struct {
	ctx    context.Context
	store  Store
	root   *os.Root
	rawURI string
	notes  []string
}

func (c *collector) told() error {
	f, info, err := c.open(errorFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &OutputError{Name: errorFile, Reason: fmt.Sprintf("the file cannot be read (%v); write an ordinary file", err)}
	}
	defer f.Close()
	if info.IsDir() || info.Size() > maxErrorFile {
		return &OutputError{Name: errorFile, Reason: "it has to be a file of at most 1 MiB; write less"}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxErrorFile))
	if err != nil {
		return err
	}
	return &ToldError{Text: string(text)}
}

// errNotOrdinary is what a device, a pipe or a socket is.
var errNotOrdinary = errors.New("it is no ordinary file or directory")

// open opens a file or directory without waiting for anybody: the program may
// have left a pipe.
func (c *collector) open(name string) (*os.File, fs.FileInfo, error) {
	f, err := c.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = errNotOrdinary
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// variable reads one output.
func (c *collector) variable(name string, t *core.LiteralType) (*core.Literal, error) {
	if err := checkName(name); err != nil {
		return nil, &OutputError{Name: name, Reason: err.Error()}
	}
	f, info, file, err := c.find(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &OutputError{Name: name, Missing: true,
			Reason: fmt.Sprintf("the program ended with exit code 0, but wrote no file %s into its output directory; write the value there, or leave the output out", name)}
	}
	if err != nil {
		return nil, &OutputError{Name: name, Reason: fmt.Sprintf("the file %s cannot be read (%v); write an ordinary file", name, err)}
	}
	defer f.Close()
	switch t := t.GetType().(type) {
	case *core.LiteralType_Simple:
		return c.simple(name, t.Simple, f, info)
	case *core.LiteralType_Blob:
		return c.blob(name, t.Blob, f, info, file)
	}
	return nil, &OutputError{Name: name, Reason: "a raw container's outputs are numbers, text, booleans, times, durations, File and Dir; declare one of these"}
}

// find opens an output's file: the one of that name, or the only one that has
// an extension more (flytecopilot's IsFileReadable).
func (c *collector) find(name string) (*os.File, fs.FileInfo, string, error) {
	f, info, err := c.open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, info, name, err
	}
	var others []string
	entries, listErr := fs.ReadDir(c.root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+".") {
			others = append(others, e.Name())
		}
	}
	if listErr != nil || len(others) != 1 {
		return nil, nil, "", err
	}
	f, info, err = c.open(others[0])
	return f, info, others[0], err
}

func (c *collector) simple(name string, t core.SimpleType, f *os.File, info fs.FileInfo) (*core.Literal, error) {
	switch {
	case info.IsDir():
		return nil, &OutputError{Name: name, Reason: "it is a directory, and a file was declared; write one, or declare a Dir"}
	case info.Size() > maxSimple:
		return nil, &OutputError{Name: name, Reason: fmt.Sprintf("its text has %d bytes, and Flyte's co-pilot takes at most %d; declare a File", info.Size(), maxSimple)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSimple))
	if err != nil {
		return nil, err
	}
	literal, err := simple(t, string(text))
	if err != nil {
		return nil, &OutputError{Name: name, Reason: err.Error() + "; write what was declared"}
	}
	return literal, nil
}

// blob stores a file or a directory.
func (c *collector) blob(name string, t *core.BlobType, f *os.File, info fs.FileInfo, file string) (*core.Literal, error) {
	dimensionality := core.BlobType_SINGLE
	if info.IsDir() {
		dimensionality = core.BlobType_MULTIPART
	}
	if declared := t.GetDimensionality(); dimensionality != declared {
		return nil, &OutputError{Name: name, Reason: fmt.Sprintf("it is %s, and %s was declared; correct one of them", blobWord(dimensionality), blobWord(declared))}
	}
	uri := strings.TrimSuffix(c.rawURI, "/") + "/" + name
	key, err := objects.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		err = c.storeDirectory(file, key)
	} else {
		_, err = c.store.Put(c.ctx, key, f, objects.PutOptions{})
	}
	if err != nil {
		return nil, err
	}
	return &core.Literal{Value: &core.Literal_Scalar{Scalar: &core.Scalar{Value: &core.Scalar_Blob{Blob: &core.Blob{
		Uri: uri, Metadata: &core.BlobMetadata{Type: &core.BlobType{Format: t.GetFormat(), Dimensionality: dimensionality}}}}}}}, nil
}

func blobWord(d core.BlobType_BlobDimensionality) string {
	if d == core.BlobType_MULTIPART {
		return "a directory"
	}
	return "a file"
}

// storeDirectory stores every file below a directory under a key of its own.
func (c *collector) storeDirectory(name, key string) error {
	return fs.WalkDir(c.root.FS(), name, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, info, err := c.open(file)
		if err != nil || info.IsDir() {
			return &OutputError{Name: name, Reason: fmt.Sprintf("%s in it is no ordinary file; leave it out", file)}
		}
		defer f.Close()
		if path.Dir(file) != name {
			c.note(fmt.Sprintf("output %s has directories inside; a cluster's co-pilot puts all files into one", name))
		}
		_, err = c.store.Put(c.ctx, key+strings.TrimPrefix(file, name), f, objects.PutOptions{})
		return err
	})
}

func (c *collector) note(text string) {
	for _, n := range c.notes {
		if n == text {
			return
		}
	}
	c.notes = append(c.notes, text)
}
