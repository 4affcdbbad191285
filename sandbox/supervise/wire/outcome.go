// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/internal/failpoint"
	"drydock/sandbox"
)

// ReadOutcome reads the outcome document of an attempt's directory. A newer
// version than this program knows is refused; one that is no JSON counts as not
// there (os.ErrNotExist).
func ReadOutcome(dir string) (sandbox.Outcome, error) {
	path := filepath.Join(dir, OutcomeFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return sandbox.Outcome{}, err
	}
	if !json.Valid(data) { // the machine went off before it was on the disk
		return sandbox.Outcome{}, &os.PathError{Op: "read", Path: path, Err: os.ErrNotExist}
	}
	var o sandbox.Outcome
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("%s: %w", path, err)
	}
	if o.Version != sandbox.OutcomeVersion {
		return o, fmt.Errorf("%s has version %d, this drydock knows %d; use the drydock that wrote it", path, o.Version, sandbox.OutcomeVersion)
	}
	return o, nil
}

// WriteOutcome writes the document under a temporary name first: a reader
// sees all of it or nothing.
func WriteOutcome(dir string, o sandbox.Outcome) error {
	path := filepath.Join(dir, OutcomeFile)
	data, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err
	}
	if err := writeDraft(path+draft, append(data, '\n')); err != nil {
		return err
	}
	failpoint.At(failpoint.OutcomeDrafted)
	return os.Rename(path+draft, path)
}

// draft is the end of the temporary name.
const draft = ".tmp"

// outcomeRoom is more than an outcome takes: most of one is the end of the
// output, 16 KiB, of which JSON makes 96 at the worst.
const outcomeRoom = 128 << 10

// ReserveOutcome makes room for the outcome on the disk: that may be full when
// the attempt ends, and nobody be there any more to be told of it. Some file
// systems cannot promise room; then there is none.
func ReserveOutcome(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, OutcomeFile+draft), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, outcomeRoom), f.Close())
}

// writeDraft writes into the room that was kept, if it was.
func writeDraft(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	return errors.Join(err, f.Close())
}
