// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"sync"

	"drydock/executor"
)

// resultLines writes --result of many tasks: a line for each when it ends, so
// that what is known is there whatever happens to drydock.
type resultLines struct {
	file *resultFile
	out  *os.File
	err  error // the first; nothing is written after it
}

// lines makes the file, empty.
func (r *resultFile) lines() (*resultLines, error) {
	if r == nil {
		return nil, nil
	}
	if r.file != nil {
		return &resultLines{file: r, out: r.file}, nil
	}
	out, err := r.replace()
	return &resultLines{file: r, out: out}, r.wrap(err)
}

func (l *resultLines) add(e executor.Event) {
	if l == nil || l.err != nil {
		return
	}
	document, err := executor.EventJSON(e)
	if err == nil {
		_, err = l.out.Write(append(document, '\n'))
	}
	l.err = l.file.wrap(err)
}

// end writes the last line.
func (l *resultLines) end(line []byte) error {
	if l == nil {
		return nil
	}
	if l.err == nil {
		_, err := l.out.Write(append(line, '\n'))
		l.err = l.file.wrap(err)
	}
	if l.out != l.file.file {
		l.err = errors.Join(l.err, l.out.Close())
	}
	l.file.close()
	return l.err
}

// lineWriter passes on whole lines. One that grows too long is passed in
// pieces.
type lineWriter struct {
	prefix string
	write  func([]byte) error
	mu     sync.Mutex // guards held
	held   []byte
}

// maxLine bounds what is held of a line, in bytes.
const maxLine = 64 << 10

func (l *lineWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var whole []byte
	for _, c := range b {
		if len(l.held) == 0 {
			l.held = append(l.held, l.prefix...)
		}
		l.held = append(l.held, c)
		if c == '\n' || len(l.held) >= maxLine {
			if c != '\n' {
				l.held = append(l.held, '\n')
			}
			whole = append(whole, l.held...)
			l.held = l.held[:0]
		}
	}
	if len(whole) == 0 {
		return len(b), nil
	}
	return len(b), l.write(whole)
}

// flush ends a line that has no end.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) > 0 {
		_ = l.write(append(l.held, '\n'))
		l.held = nil
	}
}
