// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Directories below the store's own.
const (
	objectsDir = "objects"
	metaDir    = "meta"
	uploadsDir = "uploads"
	tmpDir     = "tmp"
	lockFile   = "lock"
)

// Objects are what tasks wrote, so they are the owner's alone.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// Options are a Store's; the zero value will do.
type Options struct {
	// Keys are further key pairs, access key to secret, that may do
	// everything, besides the store's own.
	Keys map[string]string

	// Authorize says what the bearer of a key pair that is not a root key may
	// do. It is called once per request, before the signature is checked and
	// possibly by many goroutines, and should not block for long. Nil knows no
	// such keys.
	Authorize func(accessKey string) (Grant, bool)

	// Log is told of failures that a client sees only as an internal error.
	// Nil discards them.
	Log *slog.Logger

	// Now is the clock, for tests. Nil is the system's.
	Now func() time.Time
}

// Store is an open object store. Its methods are safe for concurrent use.
type Store struct {
	dir  string
	root *os.Root // every file access goes through it
	lock *os.File
	keys keyFile
	opts Options

	objects stripes // one object's commit at a time, by key
	uploads stripes // one upload's completion at a time, by id

	// layout is held for reading while directories are made and an object is
	// put into one, for writing while they are removed or changed.
	layout sync.RWMutex

	requests  atomic.Uint64
	nextSweep atomic.Int64 // Unix seconds

	// For tests: at is called between steps that a crash may separate, wrap
	// stands between a body and its file.
	at   func(step string)
	wrap func(io.Writer) io.Writer
}

// Open opens the store in dir and makes what is missing. Temporary files of an
// earlier process are removed, and multipart uploads that no part came to for
// a day. ErrInUse says that somebody else has it open: what keeps concurrent
// writers apart are locks in memory.
func Open(dir string, opts Options) (*Store, error) {
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	s := &Store{dir: dir, root: root, opts: opts}
	if s.opts.Log == nil {
		s.opts.Log = slog.New(slog.DiscardHandler)
	}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	if err := s.prepare(); err != nil {
		s.Close()
		return nil, fmt.Errorf("object store %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.acquire(); err != nil {
		return err
	}
	for _, dir := range []string{objectsDir, metaDir, uploadsDir, tmpDir} {
		if err := s.root.MkdirAll(dir, privateDir); err != nil {
			return wrote(err)
		}
	}
	var err error
	if s.keys, err = s.loadKeys(); err != nil {
		return err
	}
	return s.sweep()
}

// acquire takes the lock, which the system releases when the process ends in
// whatever way.
func (s *Store) acquire() error {
	f, err := s.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return wrote(err)
	}
	s.lock = f
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrInUse
		}
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// Close releases the directory. Operations under way, and readers that Get
// returned, should have ended.
func (s *Store) Close() error {
	if s.lock != nil {
		s.lock.Close()
	}
	return s.root.Close()
}

// step marks a place where a crash must do no harm.
func (s *Store) step(name string) {
	if s.at != nil {
		s.at(name)
	}
}

// stripes are locks by name: few enough to be a field, many enough that two
// names rarely share one.
type stripes [128]sync.Mutex

var stripeSeed = maphash.MakeSeed()

// of locks name and returns how to unlock it.
func (l *stripes) of(name string) (unlock func()) {
	mu := &l[maphash.String(stripeSeed, name)%uint64(len(l))]
	mu.Lock()
	return mu.Unlock
}
