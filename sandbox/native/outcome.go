// SPDX-License-Identifier: Apache-2.0

package native

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// ReadOutcome reads the outcome document of an attempt's directory. A newer
// version than this program knows is refused.
func ReadOutcome(dir string) (sandbox.Outcome, error) {
	path := filepath.Join(dir, shimapi.OutcomeFile)
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
