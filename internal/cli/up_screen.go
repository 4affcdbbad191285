// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen is lines that stay and, on a terminal, rows below them that are
// painted anew while things change. It is safe for concurrent use.
type screen struct {
	out    io.Writer
	live   bool                           // out is a terminal that can move its cursor
	size   func() (width, height int)     // of the terminal
	rows   func(width, most int) []string // to paint
	every  time.Duration
	mu     sync.Mutex // held while anything is written
	frame  string     // what is painted
	at     time.Time  // when that was
	inside bool       // somebody's output ended in the middle of a line
	quit   chan struct{}
	done   chan struct{}
}

// repaint is how often the rows are painted: often enough to look alive.
const repaint = 200 * time.Millisecond

// newScreen begins to paint rows, if out is a terminal.
func newScreen(w World, out io.Writer, rows func(width, most int) []string) *screen {
	s := &screen{out: out, rows: rows, every: repaint, quit: make(chan struct{}), done: make(chan struct{})}
	if s.live = canPaint(w, out); s.live {
		s.size = func() (int, int) {
			if t, ok := terminalSize(out.(*os.File)); ok {
				return int(t.Cols), int(t.Rows)
			}
			return 80, 24
		}
	}
	go s.keepPainting()
	return s
}

// canPaint reports whether out is a terminal that can move its cursor.
func canPaint(w World, out io.Writer) bool {
	term, _ := w.env("TERM")
	return isTerminal(out) && term != "dumb"
}

func (s *screen) keepPainting() {
	defer close(s.done)
	if !s.live {
		return
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.with(func() string { return "" })
		case <-s.quit:
			return
		}
	}
}

// with runs f, which may change what the rows show, and prints the lines that
// it returns above the rows.
func (s *screen) with(f func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := f()
	if text != "" && s.inside {
		text = "\n" + text
		s.inside = false
	}
	s.write(text)
}

// pass writes somebody's output, which may end in the middle of a line, to a
// stream that may be the same terminal.
func (s *screen) pass(to io.Writer, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared := s.live && isTerminal(to)
	if shared {
		s.erase()
	}
	_, err := to.Write(data)
	if shared && len(data) > 0 {
		s.inside = data[len(data)-1] != '\n'
	}
	return err
}

// write replaces the rows by text and the rows as they are now.
func (s *screen) write(text string) {
	if !s.live {
		_, _ = io.WriteString(s.out, text) // nobody may be reading
		return
	}
	var frame string
	if !s.inside {
		width, height := s.size()
		if rows := s.rows(width, max(1, height/2)); len(rows) > 0 {
			frame = strings.Join(rows, "\n") + "\n"
		}
	}
	if text == "" && (frame == s.frame || time.Since(s.at) < repaint/2) {
		return
	}
	_, _ = io.WriteString(s.out, s.eraser()+text+frame)
	s.frame, s.at = frame, time.Now()
}

func (s *screen) erase() {
	_, _ = io.WriteString(s.out, s.eraser())
	s.frame = ""
}

// eraser goes up to the first row that is painted and erases from there on. A
// typed Ctrl-C is echoed, so that the cursor may stand within its line.
func (s *screen) eraser() string {
	if s.frame == "" {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", strings.Count(s.frame, "\n"))
}

// stop erases the rows and paints no more. Lines may still be printed.
func (s *screen) stop() {
	close(s.quit)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.erase()
		if s.inside {
			_, _ = io.WriteString(s.out, "\n")
			s.inside = false
		}
		s.rows = func(int, int) []string { return nil }
	}
}
