// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"
)

// logFile writes both streams in the format of the kubelet's container logs
// (the CRI log format, kubernetes pkg/kubelet/kuberuntime/logs): a line is
// "TIME STREAM TAG CONTENT", where tag F ends a line of the program and P is
// a piece of one. Bytes are kept as they are.
type logFile struct {
	mu   sync.Mutex
	f    *os.File
	line []byte
	size int64
	err  error // the first failure; after it nothing more is written
	gap  string
}

// maxLog bounds an attempt's log on disk; a task that prints without end must
// not fill it. What comes after is still passed on.
const maxLog = 1 << 30

var errLogFull = errors.New("the log has reached 1 GiB; what came after is not kept")

func openLog(path string) *logFile {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &logFile{f: f, err: err}
}

// write appends a piece of a stream.
func (l *logFile) write(stream string, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	prefix := time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z") + " " + stream + " "
	l.line = l.line[:0]
	for len(p) > 0 {
		piece, rest, whole := bytes.Cut(p, []byte{'\n'})
		l.line = append(l.line, prefix...)
		if whole {
			l.line = append(l.line, "F "...)
		} else {
			l.line = append(l.line, "P "...)
		}
		l.line = append(append(l.line, piece...), '\n')
		p = rest
	}
	if l.size += int64(len(l.line)); l.size > maxLog {
		l.err = errLogFull
		return
	}
	_, l.err = l.f.Write(l.line)
}

// incomplete notes that something is missing; more is written all the same.
func (l *logFile) incomplete(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap = why
}

// close closes the file and says why it is incomplete, if it is.
func (l *logFile) close() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil {
		if err := l.f.Close(); l.err == nil {
			l.err = err
		}
	}
	if l.err != nil {
		return l.err.Error()
	}
	return l.gap
}
