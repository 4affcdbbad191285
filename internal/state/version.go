// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LayoutVersion is the version of the directory's layout. It changes when an
// older drydock could no longer use the directory.
const LayoutVersion = 1

const versionFile = "version"

// checkVersion refuses a directory that this drydock does not know and marks
// a new one. Two processes may mark it at once: both write the same.
func (d *Dir) checkVersion() error {
	path := filepath.Join(d.root, versionFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.Trim(data, "\x00")) == 0 { // a power cut leaves it empty
		return writeFile(path, []byte(strconv.Itoa(LayoutVersion)+"\n"))
	}
	if err != nil {
		return Explain(path, err)
	}
	text := strings.TrimSpace(string(data))
	if text != strconv.Itoa(LayoutVersion) {
		return &VersionError{Path: path, Found: quoteShort(text), Known: LayoutVersion}
	}
	return nil
}

// quoteShort keeps a corrupt file from filling the screen.
func quoteShort(text string) string {
	if n, err := strconv.Atoi(text); err == nil && strconv.Itoa(n) == text {
		return text
	}
	const most = 20
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}
