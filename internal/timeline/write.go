// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"drydock/internal/report"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	HTML Format = "html" // one page for people: everything
	JSON Format = "json" // one document for programs: everything
	CSV  Format = "csv"  // the timeline as a table
	Text Format = "txt"  // for a terminal
)

// Formats are all of them.
var Formats = []Format{HTML, JSON, CSV, Text}

// Options say how a report is written. The zero value writes text that fits
// any terminal.
type Options struct {
	// Generator names the program, for the page and the document.
	Generator string
	// CommonScale gives the memory of all attempts on the page one scale.
	CommonScale bool

	// Of Text: the width in columns (0: 80), whether block characters can be
	// shown, and colours.
	Width   int
	Unicode bool
	Style   report.Style
}

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats {
		if string(f) == name {
			return f, nil
		}
	}
	return "", fmt.Errorf("no format %q", name)
}

// FormatOf tells a format by a file's name; "" when its ending says nothing.
func FormatOf(path string) Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".html", ".htm":
		return HTML
	case ".json":
		return JSON
	case ".csv":
		return CSV
	case ".txt", ".text":
		return Text
	}
	return ""
}

// Write writes the report. The error is w's.
func Write(w io.Writer, r *Report, f Format, o Options) error {
	switch f {
	case HTML:
		return writeHTML(w, r, o)
	case JSON:
		return writeJSON(w, r, o)
	case CSV:
		return writeCSV(w, r)
	case Text:
		return writeText(w, r, o)
	}
	return fmt.Errorf("no format %q", f)
}
