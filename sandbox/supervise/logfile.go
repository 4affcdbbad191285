// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"sync"
	"time"

	"drydock/internal/crilog"
	"drydock/resources"
	"drydock/sandbox"
	"drydock/sandbox/disk"
)

// logFile writes both streams in the format of the kubelet's container logs
// (the CRI log format, kubernetes pkg/kubelet/kuberuntime/logs): a line is
// "TIME STREAM TAG CONTENT", where tag F ends a line of the program and P is
// a piece of one. Bytes are kept as they are.
//
// As a kubelet does (pkg/kubelet/logs, container_log_manager.go) it keeps some
// files of a size and removes the oldest, so that a task that prints without
// end fills no disk. Ours are never compressed and never larger than that: a
// kubelet looks at them every 10 s.
type logFile struct {
	mu    sync.Mutex
	path  string
	keep  sandbox.LogKeep
	f     *os.File // nil: it could not be opened, or is none after a failure
	files int      // how many were full
	size  int64    // of f
	line  []byte

	dropped int64 // bytes of files that were removed
	missed  int64 // bytes of output that could not be written
	err     error // the last failure
	gap     string
}

// logDefaults are the kubelet's (KubeletConfiguration: containerLogMaxSize,
// containerLogMaxFiles).
var logDefaults = sandbox.LogKeep{MaxSize: 10 << 20, MaxFiles: 5}

func openLog(path string, keep sandbox.LogKeep) *logFile {
	keep.MaxSize = cmp.Or(keep.MaxSize, logDefaults.MaxSize)
	keep.MaxFiles = max(2, cmp.Or(keep.MaxFiles, logDefaults.MaxFiles))
	l := &logFile{path: path, keep: keep}
	l.open()
	return l
}

// open opens the file that is written to.
func (l *logFile) open() {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.f, l.err = nil, err
		return
	}
	l.f, l.size = f, 0
}

// write appends a piece of a stream.
func (l *logFile) write(stream string, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	prefix := time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z") + " " + stream + " "
	pending := 0 // bytes of p in line
	l.line = l.line[:0]
	for len(p) > 0 {
		piece, rest, whole := bytes.Cut(p, []byte{'\n'})
		if n := int64(len(prefix) + len(piece) + 3); l.size+int64(len(l.line))+n > l.keep.MaxSize {
			l.flush(pending)
			pending = 0
			l.rotate()
		}
		l.line = append(l.line, prefix...)
		if whole {
			l.line = append(l.line, "F "...)
		} else {
			l.line = append(l.line, "P "...)
		}
		l.line = append(append(l.line, piece...), '\n')
		pending += len(p) - len(rest)
		p = rest
	}
	l.flush(pending)
}

// flush writes whole lines, or none of them: a full disk leaves no torn one,
// and once it has room again the log goes on.
func (l *logFile) flush(output int) {
	line := l.line
	l.line = l.line[:0]
	if len(line) == 0 {
		return
	}
	if l.f == nil {
		l.open()
	}
	if l.f == nil {
		l.missed += int64(output)
		return
	}
	n, err := l.f.Write(line)
	if err != nil {
		l.err = err
		l.missed += int64(output)
		if n > 0 && l.f.Truncate(l.size) != nil {
			l.size += int64(n)
		}
		return
	}
	l.size += int64(n)
}

// rotate gives the full file a number, and removes the oldest. Readers find
// their way by the numbers (package crilog).
func (l *logFile) rotate() {
	if l.size == 0 {
		return // not even one line fits
	}
	if err := os.Rename(l.path, crilog.Rotated(l.path, l.files+1)); err != nil {
		l.err = err // it grows on, and this is tried again
		return
	}
	l.files++
	_ = l.f.Close() // every write was checked
	l.open()
	if oldest := l.files + 1 - l.keep.MaxFiles; oldest > 0 {
		name := crilog.Rotated(l.path, oldest)
		if info, err := os.Stat(name); err == nil && os.Remove(name) == nil {
			l.dropped += info.Size()
		}
	}
}

// logPlaces are the files of a log, which all count for the disk use.
func logPlaces(path string) []disk.Place {
	places := []disk.Place{{Kind: disk.Log, Path: path}}
	kept, _ := crilog.Kept(path) // what cannot be listed cannot be looked at either
	for _, n := range kept {
		places = append(places, disk.Place{Kind: disk.Log, Path: crilog.Rotated(path, n)})
	}
	return places
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
		if err := l.f.Close(); err != nil && l.err == nil {
			l.err = err
		}
	}
	switch {
	case l.missed > 0:
		return fmt.Sprintf("%s of output could not be written: %v", resources.FormatSizeHuman(l.missed), l.err)
	case l.err != nil:
		return l.err.Error()
	case l.gap != "":
		return l.gap
	case l.dropped > 0:
		return fmt.Sprintf("its oldest %s are not kept: it has %d files of %s at most, as a kubelet keeps them (settings log_max_files, log_max_size)",
			resources.FormatSizeHuman(l.dropped), l.keep.MaxFiles, resources.FormatSize(l.keep.MaxSize))
	}
	return ""
}
