// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// poll bounds how late a line is seen; a look costs one read of nothing.
	poll      = 80 * time.Millisecond
	pollFirst = 10 * time.Millisecond // after something came; doubled up to poll
	// batch is the most bytes of text that f is given at once, but for the
	// last line of them.
	batch = 256 << 10
)

// Follow calls f with the lines of the log at path, first those that are
// there, then those that come, and returns nil when everything was read
// after ended was closed. A file that is not there yet is waited for. An
// error of f ends it and is returned; so is ctx's, and one of the file.
//
// Where files of the log are not kept any more, or went before they were read,
// a Line that is a Note says so.
//
// A line that stays unfinished is handed on in pieces (Line.Partial), so that
// a progress bar or a prompt is seen while it stands.
func Follow(ctx context.Context, path string, ended <-chan struct{}, f func([]Line) error) error {
	return FollowFrom(ctx, path, Position{}, ended, f)
}

// FollowFrom is Follow from a position on, such as Tail finds.
func FollowFrom(ctx context.Context, path string, from Position, ended <-chan struct{}, f func([]Line) error) error {
	file := Open(path, from)
	defer func() { _ = file.Close() }() // read only
	w := &follower{file: file, f: f, buf: make([]byte, 64<<10)}
	wait := pollFirst
	for {
		over := closed(ended) // before the read: what was written before the end is seen
		n, err := w.read(ctx)
		if err != nil {
			return err
		}
		switch {
		case over:
			return w.hand(w.parser.End())
		case n > 0:
			wait = pollFirst
		default:
			if err := w.hand(w.parser.Idle()); err != nil {
				return err
			}
			wait = min(2*wait, poll)
		}
		if err := sleep(ctx, wait, ended); err != nil {
			return err
		}
	}
}

type follower struct {
	file   *Reader
	parser Parser
	f      func([]Line) error
	buf    []byte
	lines  []Line
	weight int
}

// read hands on all that is in the file, and returns how many bytes that was.
func (w *follower) read(ctx context.Context) (total int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := w.file.Read(w.buf)
		total += n
		w.note(w.file.Lost())
		w.collect(w.parser.Add(w.buf[:n]))
		if err != nil && !errors.Is(err, io.EOF) {
			return total, err
		}
		if n == 0 || err != nil {
			return total, w.hand(nil)
		}
		if w.weight >= batch {
			if err := w.hand(nil); err != nil {
				return total, err
			}
		}
	}
}

// note says that files of the log are missing here. What was begun before
// them is ended.
func (w *follower) note(lost int) {
	if lost > 0 {
		w.collect(append(w.parser.End(), Missing(lost)))
	}
}

// Missing is the line that stands for so many files of a log.
func Missing(files int) Line {
	text := "1 file of the log is not kept, the oldest goes first"
	if files > 1 {
		text = fmt.Sprintf("%d files of the log are not kept, the oldest go first", files)
	}
	return Line{Text: text, Note: true}
}

func (w *follower) collect(lines []Line) {
	for _, l := range lines {
		w.weight += len(l.Text)
	}
	w.lines = append(w.lines, lines...)
}

// hand calls f with what was collected and with lines, if there are any.
func (w *follower) hand(lines []Line) error {
	w.collect(lines)
	out := w.lines
	w.lines, w.weight = nil, 0
	if len(out) == 0 {
		return nil
	}
	return w.f(out)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func sleep(ctx context.Context, d time.Duration, ended <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
	case <-t.C:
	}
	return nil
}
