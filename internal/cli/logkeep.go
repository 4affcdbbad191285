// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"

	"drydock/internal/config"
	"drydock/internal/options"
	"drydock/sandbox"
)

// logKeep is how much of each attempt's log the settings keep.
func logKeep(s *config.Settings) (sandbox.LogKeep, error) {
	size, sizeErr := options.LogSize(s.Get("log_max_size").Text)
	files, filesErr := options.LogFiles(s.Get("log_max_files").Text)
	return sandbox.LogKeep{MaxSize: size, MaxFiles: files}, errors.Join(sizeErr, filesErr)
}
