// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/failpoint"
	"drydock/sandbox"
)

// ReadOutcome reads the outcome document of an attempt's directory. A newer
// version than this program knows is refused.
func ReadOutcome(dir string) (sandbox.Outcome, error) {
	path := filepath.Join(dir, OutcomeFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return sandbox.Outcome{}, err
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
	if err := os.WriteFile(path+".tmp", append(data, '\n'), 0o600); err != nil {
		return err
	}
	failpoint.At(failpoint.OutcomeDrafted)
	return os.Rename(path+".tmp", path)
}
