// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// TailOffset is where the last n lines of the program begin in the log at
// path; stream, if not "", counts the lines of that one only. What stands
// without a line's end counts as a line. A log that is not there has none.
//
// It reads the file backwards, as far as it must. Where both streams wrote
// pieces of lines at the same time, the first line may lack its beginning.
func TailOffset(path string, n int, stream string) (int64, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // read only
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || n <= 0 {
		return size, err
	}
	b := backward{f: f, at: size}
	lines, last := 0, size
	for {
		line, start, err := b.line()
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		h, _, ok := parseHeader(line)
		if ok && stream != "" && streamNames[h.stream] != stream {
			continue
		}
		if !ok || h.full || lines == 0 { // the end of a line, or of the log
			if lines++; lines > n {
				return last, nil
			}
		}
		last = start
	}
}

// backwardBlock is how much is read at a time.
const backwardBlock = 64 << 10

// backward reads a file's lines from the last to the first.
type backward struct {
	f     *os.File
	at    int64  // what lies before it was not read yet
	held  []byte // what was read and not handed on, without a line's end behind it
	begun bool
}

// line returns the line before the last one returned, without its end, and
// where it begins; io.EOF when there is none.
func (b *backward) line() (line []byte, start int64, err error) {
	for {
		if i := bytes.LastIndexByte(b.held, '\n'); i >= 0 {
			line, b.held = b.held[i+1:], b.held[:i]
			return line, b.at + int64(i) + 1, nil
		}
		if b.at == 0 {
			if line = b.held; len(line) == 0 {
				return nil, 0, io.EOF
			}
			b.held = nil
			return line, 0, nil
		}
		if err := b.more(); err != nil {
			return nil, 0, err
		}
	}
}

// more reads the block before what was read.
func (b *backward) more() error {
	n := min(b.at, backwardBlock)
	block := make([]byte, n, int(n)+len(b.held))
	if _, err := b.f.ReadAt(block, b.at-n); err != nil {
		return err
	}
	b.at -= n
	if !b.begun { // the end of the last line has no line behind it
		b.begun, block = true, bytes.TrimSuffix(block, []byte{'\n'})
	}
	b.held = append(block, b.held...)
	return nil
}
