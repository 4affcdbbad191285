// SPDX-License-Identifier: Apache-2.0

// Package book is the Flyte endpoint's durable memory: a file of ordered keys
// and values, written in transactions that survive a crash at any line. It is
// the only package that knows bbolt.
package book

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// version of the layout; a newer one is refused, never guessed at.
const version = "1"

// ErrLocked says that another process has the book open.
var ErrLocked = errors.New("another drydock server has it open")

// Bucket is a named set of ordered keys.
type Bucket string

// The buckets.
const (
	Meta     Bucket = "meta"
	Runs     Bucket = "runs"     // project/domain/name -> a run
	RunTimes Bucket = "runtimes" // creation time and run -> nothing: the order of lists
	Open     Bucket = "open"     // runs that are not over
	Specs    Bucket = "specs"    // run and action -> what it was asked to do; written once
	States   Bucket = "states"   // run and action -> how far it is; rewritten at every step
	Cache    Bucket = "cache"    // cache key -> outputs
	Tasks    Bucket = "tasks"    // deployed tasks
	Projects Bucket = "projects"
)

var buckets = []Bucket{Meta, Runs, RunTimes, Open, Specs, States, Cache, Tasks, Projects}

// Book is an open book. Its methods are safe for concurrent use.
type Book struct{ db *bbolt.DB }

// patience is how long a lock of a server that is just ending is waited for.
const patience = 500 * time.Millisecond

// OpenFile opens the book at path and makes it when it is not there. It holds
// a lock on the file until Close; ErrLocked when somebody else does.
func OpenFile(path string) (*Book, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// A step waits for the disk once, together with all that came meanwhile,
	// and not first for others to come.
	db.MaxBatchDelay = time.Millisecond
	b := &Book{db}
	if err := b.prepare(path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

func (b *Book) prepare(path string) error {
	return b.Update(func(tx Tx) error {
		for _, name := range buckets {
			if _, err := tx.tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		switch found := string(tx.Get(Meta, "version")); found {
		case "":
			return tx.Put(Meta, "version", []byte(version))
		case version:
			return nil
		default:
			return fmt.Errorf("%s has layout %q, this drydock knows %s; use the drydock that wrote it", path, found, version)
		}
	})
}

// Close waits for open transactions and gives the lock back.
func (b *Book) Close() error { return b.db.Close() }

// View reads a consistent state. Values are valid inside f only.
func (b *Book) View(f func(Tx) error) error {
	return b.db.View(func(tx *bbolt.Tx) error { return f(Tx{tx}) })
}

// Update writes; when it returns nil, what f wrote is on the disk, and all of
// it or nothing otherwise.
func (b *Book) Update(f func(Tx) error) error {
	return b.db.Update(func(tx *bbolt.Tx) error { return f(Tx{tx}) })
}

// Batch is Update for many callers at once, who share one write to the disk.
// f may be called more than once.
func (b *Book) Batch(f func(Tx) error) error {
	return b.db.Batch(func(tx *bbolt.Tx) error { return f(Tx{tx}) })
}

// Tx is a transaction; it ends with the function that it was given to.
type Tx struct{ tx *bbolt.Tx }

// Get returns the value of a key, or nil.
func (t Tx) Get(b Bucket, key string) []byte { return t.tx.Bucket([]byte(b)).Get([]byte(key)) }

// Put sets the value of a key.
func (t Tx) Put(b Bucket, key string, value []byte) error {
	return t.tx.Bucket([]byte(b)).Put([]byte(key), value)
}

// Delete removes a key, if it is there.
func (t Tx) Delete(b Bucket, key string) error { return t.tx.Bucket([]byte(b)).Delete([]byte(key)) }

// Scan calls f with every key that begins with prefix, in order, from the
// first one that is not below from ("": the first of all), until f returns
// false.
func (t Tx) Scan(b Bucket, prefix, from string, f func(key string, value []byte) bool) {
	c := t.tx.Bucket([]byte(b)).Cursor()
	for k, v := c.Seek([]byte(max(prefix, from))); k != nil && strings.HasPrefix(string(k), prefix); k, v = c.Next() {
		if !f(string(k), v) {
			return
		}
	}
}

// ScanBack is Scan in the opposite order, from the last key that is below
// before ("": the last of all).
func (t Tx) ScanBack(b Bucket, prefix, before string, f func(key string, value []byte) bool) {
	c := t.tx.Bucket([]byte(b)).Cursor()
	end := prefix + "\xff"
	if before != "" && before < end {
		end = before
	}
	k, v := c.Seek([]byte(end))
	if k == nil {
		k, v = c.Last()
	}
	for ; k != nil; k, v = c.Prev() {
		key := string(k)
		if key >= end {
			continue
		}
		if !strings.HasPrefix(key, prefix) || !f(key, v) {
			return
		}
	}
}
