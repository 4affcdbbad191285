// SPDX-License-Identifier: Apache-2.0

package crilog

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Tail is where the last n lines of the program begin in the log at path;
// stream, if not "", counts the lines of that one only. What stands without a
// line's end counts as a line. A log that is not there has none.
//
// It reads the files backwards, as far as it must. Where both streams wrote
// pieces of lines at the same time, the first line may lack its beginning.
func Tail(path string, n int, stream string) (Position, error) {
	kept, err := Kept(path)
	if err != nil {
		return Position{}, err
	}
	c := counter{most: n, stream: stream}
	for at := newest(kept); at >= 1; at-- {
		f, err := open(path, at)
		if errors.Is(err, fs.ErrNotExist) { // nothing was printed yet, or since the last one was full
			continue
		}
		if errors.Is(err, errGone) {
			break
		}
		if err != nil {
			return Position{}, err
		}
		found, err := c.count(f, at)
		if err := errors.Join(err, f.Close()); found || err != nil {
			return c.last, err
		}
	}
	return Position{}, nil
}

// End is what the log at path ends with, at most so many bytes, from the
// beginning of a line of the file on. A log that is not there is empty.
func End(path string, most int64) ([]byte, error) {
	kept, err := Kept(path)
	if err != nil {
		return nil, err
	}
	var end []byte
	for at := newest(kept); at >= 1 && int64(len(end)) < most; at-- {
		f, err := open(path, at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, errGone) {
			break
		}
		if err != nil {
			return nil, err
		}
		part, err := lastOf(f, most-int64(len(end)))
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		end = append(part, end...)
	}
	return end, nil
}

// lastOf is the end of a file, from the beginning of a line on.
func lastOf(f *os.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := info.Size() - most
	if from <= 0 {
		return io.ReadAll(io.NewSectionReader(f, 0, most))
	}
	data, err := io.ReadAll(io.NewSectionReader(f, from-1, most+1))
	_, data, _ = bytes.Cut(data, []byte{'\n'}) // the first line is the rest of one, which may be its end alone
	return data, err
}

// counter counts lines from the log's end.
type counter struct {
	most   int
	stream string
	lines  int
	last   Position // where the last counted line begins
}

// count goes through one file and reports whether most lines were found; last
// is where they begin then.
func (c *counter) count(f *os.File, at int) (bool, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	if c.most <= 0 {
		c.last = Position{at, size}
		return true, nil
	}
	b := backward{f: f, at: size}
	for {
		line, start, err := b.line()
		if err != nil {
			return false, noEOF(err)
		}
		h, _, ok := parseHeader(line)
		if ok && c.stream != "" && streamNames[h.stream] != c.stream {
			continue
		}
		if !ok || h.full || c.lines == 0 { // the end of a line, or of the log
			if c.lines++; c.lines > c.most {
				return true, nil
			}
		}
		c.last = Position{at, start}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
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
