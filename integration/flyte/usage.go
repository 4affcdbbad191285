// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"drydock/executor"
	"drydock/integration/flyte/console"
	"drydock/integration/flyte/engine"
	"drydock/internal/crilog"
	"drydock/internal/state"
	"drydock/resources"
)

// usage knows what attempts used: of running ones from the news, of ended ones
// from what the executor wrote down.
type usage struct {
	tasks string // the directory of all attempts

	mu   sync.Mutex
	live map[string]console.Usage // by task id
}

func newUsage(stateDir string) *usage {
	return &usage{tasks: filepath.Join(stateDir, "tasks"), live: map[string]console.Usage{}}
}

// note keeps the last sample of every running attempt.
func (u *usage) note(e engine.Event) {
	if e.Action == nil || e.Progress == nil && e.End == nil {
		return
	}
	last := e.Action.Last()
	if last == nil || last.TaskID == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if e.End != nil {
		delete(u.live, last.TaskID)
		for i := range e.Action.Attempts { // the end may be told with the next attempt
			delete(u.live, e.Action.Attempts[i].TaskID)
		}
		return
	}
	now := u.live[last.TaskID]
	if e.Progress.Memory > 0 {
		now.Limit = e.Progress.Memory
	}
	if s := e.Progress.Sample; s != nil {
		now.Current, now.CPUSeconds = s.Memory, s.CPUSeconds
	}
	u.live[last.TaskID] = now
}

// of is the console's Usage.
func (u *usage) of(taskID string) console.Usage {
	u.mu.Lock()
	now, running := u.live[taskID]
	u.mu.Unlock()
	if running || !state.ValidID(taskID) {
		return now
	}
	last := u.ended(taskID)
	if last == nil {
		return console.Usage{} // not known, and nothing on a page depends on it
	}
	found := console.Usage{Memory: allotment(last.Resources.Memory), CPU: allotment(last.Resources.CPU), Limit: last.Resources.Memory.LimitBytes()}
	if last.Usage != nil {
		found.Peak, found.CPUSeconds = last.Usage.MemoryPeak, last.Usage.CPUSeconds
	}
	return found
}

// ended is how a task's last attempt ended; nil when that is not known.
func (u *usage) ended(taskID string) *executor.EndedAttempt {
	var doc executor.Ended
	if !state.ValidID(taskID) || state.ReadJSON(filepath.Join(u.tasks, taskID, state.EndedFile), executor.EndedVersion, &doc) != nil || len(doc.Attempts) == 0 {
		return nil
	}
	return &doc.Attempts[len(doc.Attempts)-1]
}

func allotment(a resources.Allotment) string {
	request, limit := a.Request.String(), a.Limit.String()
	if request == limit {
		return limit
	}
	return request + " to " + limit
}

// logFile is the path of a task's log, of its last attempt. A task of the
// endpoint's has one attempt: retries are the engine's.
func (u *usage) logFile(taskID string) string {
	if !state.ValidID(taskID) {
		return ""
	}
	attempts := filepath.Join(u.tasks, taskID, "attempts")
	number := 1
	entries, _ := os.ReadDir(attempts) // not there yet: it will be the first
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > number {
			number = n
		}
	}
	return filepath.Join(attempts, strconv.Itoa(number), "log")
}

// log opens what a task printed, without the stamps that the sandbox adds.
func (u *usage) log(taskID string) (io.ReadCloser, error) {
	path := u.logFile(taskID)
	if path == "" {
		return nil, fs.ErrNotExist
	}
	if _, err := os.Stat(path); err != nil { // its newest file; others go before it
		return nil, err
	}
	return &plainLog{file: crilog.Open(path, crilog.Position{})}, nil
}

// plainLog is a log as the program wrote it, without the stamps of the file.
type plainLog struct {
	file   *crilog.Reader
	parser crilog.Parser
	rest   []byte
	ended  bool
}

func (l *plainLog) Read(p []byte) (int, error) {
	raw := make([]byte, 32<<10)
	for len(l.rest) == 0 {
		if l.ended {
			return 0, io.EOF
		}
		n, err := l.file.Read(raw)
		if lost := l.file.Lost(); lost > 0 {
			l.add(append(l.parser.End(), crilog.Missing(lost)))
		}
		l.add(l.parser.Add(raw[:n]))
		if errors.Is(err, io.EOF) {
			l.ended = true
			l.add(l.parser.End())
		} else if err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *plainLog) add(lines []crilog.Line) {
	for _, line := range lines {
		l.rest = append(l.rest, line.Text...)
		if !line.Partial {
			l.rest = append(l.rest, '\n')
		}
	}
}

func (l *plainLog) Close() error { return l.file.Close() }
