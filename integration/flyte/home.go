// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"drydock/internal/state"
)

// Home is the place of the endpoint's own files in a state directory.
type Home struct{ StateDir string }

// Paths of the endpoint's files. Everything of runs lies in runs/.
func (h Home) dir() string      { return filepath.Join(h.StateDir, "runs") }
func (h Home) lockFile() string { return filepath.Join(h.dir(), "server.lock") }
func (h Home) infoFile() string { return filepath.Join(h.dir(), "server.json") }
func (h Home) addrFile() string { return filepath.Join(h.dir(), "address") }
func (h Home) book() string     { return filepath.Join(h.dir(), "flyte.db") }
func (h Home) objects() string  { return filepath.Join(h.StateDir, "objects") }

// LogFile is where a server in the background writes.
func (h Home) LogFile() string { return filepath.Join(h.dir(), "server.log") }

// infoVersion is the version of server.json.
const infoVersion = 1

// Info says which server is up; it is server.json.
type Info struct {
	Version  int       `json:"version"`
	PID      int       `json:"pid"`
	Endpoint string    `json:"endpoint"` // host:port, for the SDK
	Console  string    `json:"console"`  // URL
	Since    time.Time `json:"since"`
	Log      string    `json:"log,omitempty"`     // "": it is in the foreground
	Private  bool      `json:"private,omitempty"` // one of drydock flyte's, gone with its run
	Python   string    `json:"python,omitempty"`
	SDK      string    `json:"sdk,omitempty"`
	Sandbox  string    `json:"sandbox,omitempty"` // native, auto or docker
	Engine   string    `json:"engine,omitempty"`  // that runs images
	Network  string    `json:"network,omitempty"` // of tasks in images
}

// InUseError says that a server is up on this state directory already.
type InUseError struct {
	StateDir string
	Info     *Info // nil: it has not said who it is
}

func (e *InUseError) Error() string {
	if e.Info == nil {
		return fmt.Sprintf("another drydock starts or ends on %s just now; try again in a moment, or give this one a directory of its own with --state-dir", e.StateDir)
	}
	return fmt.Sprintf("another drydock is up at %s (pid %d) on %s; use that one, end it with drydock down, or give this one a directory of its own with --state-dir",
		e.Info.Endpoint, e.Info.PID, e.StateDir)
}

// Running returns what the server on this state directory says about itself,
// or nil when none is up. It never tells of one that is gone: the kernel frees
// the lock with its holder.
func (h Home) Running() (*Info, error) {
	f, err := os.Open(h.lockFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A shared lock, so that two who ask do not take each other for a server.
	err = flock(f, syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		return nil, nil
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", h.lockFile(), err)
	}
	var info Info
	if err := state.ReadJSON(h.infoFile(), infoVersion, &info); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return &Info{}, nil // it holds the lock and is not ready yet
		}
		return nil, err
	}
	return &info, nil
}

// patience is how long a server that is just ending, or somebody who asks
// whether one is up, may hold the lock.
const patience = time.Second

// hold takes the lock that says that a server is up, until unlock.
func (h Home) hold() (unlock func(), err error) {
	if err := os.MkdirAll(h.dir(), 0o700); err != nil {
		return nil, state.Explain(h.dir(), err)
	}
	f, err := os.OpenFile(h.lockFile(), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		if info, _ := h.Running(); info != nil && info.PID != 0 || time.Now().After(deadline) {
			_ = f.Close()
			return nil, h.inUse(info)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", h.lockFile(), err)
	}
	// What a killed server left says nothing about this one.
	if err := os.Remove(h.infoFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = f.Close()
		return nil, err
	}
	return func() {
		_ = os.Remove(h.infoFile())
		_ = f.Close()
	}, nil
}

func (h Home) inUse(info *Info) error {
	if info != nil && info.PID == 0 {
		info = nil
	}
	return &InUseError{StateDir: h.StateDir, Info: info}
}

// lastAddr is where the last server listened; "": not known.
func (h Home) lastAddr() string {
	data, err := os.ReadFile(h.addrFile())
	if addr := strings.TrimSpace(string(data)); err == nil && CheckListen(addr, true) == nil {
		return addr
	}
	return ""
}

func (h Home) rememberAddr(addr string) error {
	return os.WriteFile(h.addrFile(), []byte(addr+"\n"), 0o600)
}

func (h Home) announce(info Info) error {
	info.Version = infoVersion
	return state.WriteJSON(h.infoFile(), info)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// String is for error messages and tests.
func (i Info) String() string {
	data, _ := json.Marshal(i) // plain fields: it cannot fail
	return string(data)
}
