// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/failpoint"
)

// WriteJSON writes v to path as one JSON document, all of it or nothing.
//
// It writes a temporary file beside path and renames it. It does not call
// fsync: what must survive is a crash of drydock, and the kernel keeps a
// renamed file through that. After a power failure the machine's tasks are
// gone as well, and an fsync per attempt costs more than starting a sandbox.
// What was written shortly before may then be there by its name and empty, or
// in part: see ErrTorn.
func WriteJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(data, '\n'))
}

// draft is the pattern of a temporary file's name.
func draft(name string) string { return "." + name + "-*" }

func writeFile(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), draft(filepath.Base(path))) // mode 0600
	if err != nil {
		return Explain(path, err)
	}
	_, err = temp.Write(data)
	failpoint.At(failpoint.Draft)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // the first error is the one to tell
		return Explain(path, err)
	}
	return nil
}

// ErrTorn is wrapped by ReadJSON's error about a file that is no JSON: the
// machine went off before it was written out, or something damaged it since.
// Who recovers takes it for one that is not there.
var ErrTorn = errors.New("it is no whole document: the machine may have gone off before it was on the disk")

// ReadJSON reads the document at path into v. The document's "version" must
// lie between 1 and newest; another one is refused with a *VersionError. A
// file that is not there gives an error that wraps fs.ErrNotExist, one that is
// no JSON ErrTorn.
func ReadJSON(path string, newest int, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var head struct {
		Version int `json:"version"`
	}
	if !json.Valid(data) {
		return fmt.Errorf("read %s: %w", path, ErrTorn)
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if head.Version < 1 || head.Version > newest {
		return &VersionError{Path: path, Found: fmt.Sprint(head.Version), Known: newest}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
