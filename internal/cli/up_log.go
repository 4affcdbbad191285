// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"drydock/internal/report"
)

// logLines makes one line of each warning that the server has.
type logLines struct{ say func(text string) }

var _ slog.Handler = logLines{}

func (l logLines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l logLines) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	var details []string
	r.Attrs(func(a slog.Attr) bool {
		details = append(details, fmt.Sprintf("%s: %v", a.Key, a.Value))
		return true
	})
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	var lines []string
	for line := range strings.Lines(text) { // a stack, at the worst
		lines = append(lines, report.OneLine(strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), "\n")))
	}
	l.say(strings.Join(lines, "\n"))
	return nil
}

func (l logLines) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l logLines) WithGroup(string) slog.Handler      { return l }
