// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"drydock/integration/flyte/book"
)

// Over is a run that is over.
type Over struct {
	ID    RunID
	Ended time.Time
}

// ListOver lists the runs of a book that are over, the newest first, and counts
// those that are not. No engine may have the book.
func ListOver(b *book.Book) (over []Over, open int, err error) {
	err = b.View(func(tx book.Tx) error {
		var failed error
		tx.ScanBack(book.RunTimes, "", "", func(key string, _ []byte) bool {
			id, created, ok := runOfTimeKey(key)
			if !ok {
				return true
			}
			if openRun(tx, id) {
				open++
				return true
			}
			var root stateRecord
			if data := tx.Get(book.States, ActionID{id, RootAction}.key()); data != nil {
				if failed = json.Unmarshal(data, &root); failed != nil {
					failed = fmt.Errorf("the record of run %s: %w", id.key(), failed)
					return false
				}
			}
			if root.Ended.IsZero() { // not known: no run ends before it is created
				root.Ended = created
			}
			over = append(over, Over{id, root.Ended})
			return true
		})
		return failed
	})
	return over, open, err
}

// openRun reports whether a run is not over. Its key has no value.
func openRun(tx book.Tx, id RunID) bool {
	found := false
	tx.Scan(book.Open, id.key(), "", func(key string, _ []byte) bool {
		found = key == id.key()
		return false
	})
	return found
}

// runOfTimeKey is timeKey's run, and when that was created.
func runOfTimeKey(key string) (id RunID, created time.Time, ok bool) {
	const stamp = 20 // digits
	if len(key) <= stamp || key[stamp] != '/' {
		return id, created, false
	}
	nanos, err := strconv.ParseInt(key[:stamp], 10, 64)
	if err != nil {
		return id, created, false
	}
	id, ok = runIDOf(key[stamp+1:])
	return id, time.Unix(0, nanos), ok
}

// Forget removes runs that are over from a book, with their actions, and from
// the cache what they computed. No engine may have the book.
func Forget(b *book.Book, runs []RunID) error {
	gone := map[RunID]bool{}
	for _, id := range runs {
		gone[id] = true
	}
	return b.Update(func(tx book.Tx) error {
		var keys []struct {
			bucket book.Bucket
			key    string
		}
		drop := func(bucket book.Bucket, key string) {
			keys = append(keys, struct {
				bucket book.Bucket
				key    string
			}{bucket, key})
		}
		for id := range gone {
			drop(book.Runs, id.key())
			for _, bucket := range []book.Bucket{book.Specs, book.States} {
				tx.Scan(bucket, id.key()+"/", "", func(key string, _ []byte) bool { drop(bucket, key); return true })
			}
		}
		tx.Scan(book.RunTimes, "", "", func(key string, _ []byte) bool {
			if id, _, ok := runOfTimeKey(key); ok && gone[id] {
				drop(book.RunTimes, key)
			}
			return true
		})
		tx.Scan(book.Cache, "", "", func(key string, value []byte) bool {
			var rec cacheRecord
			if json.Unmarshal(value, &rec) != nil || gone[runOfAction(rec.Action)] {
				drop(book.Cache, key)
			}
			return true
		})
		var errs []error
		for _, k := range keys { // not while they are read
			errs = append(errs, tx.Delete(k.bucket, k.key))
		}
		return errors.Join(errs...)
	})
}

// runOfAction is the run in an action's key.
func runOfAction(key string) RunID {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '/' {
			id, _ := runIDOf(key[:i])
			return id
		}
	}
	return RunID{}
}

// Mentions calls f with all that the book says of the runs that keep holds for
// and of deployed tasks, as messages of the protocol and single texts: what is
// not mentioned there nobody refers to.
func Mentions(b *book.Book, keep func(RunID) bool, f func(text []byte)) error {
	return b.View(func(tx book.Tx) error {
		var errs []error
		read := func(bucket book.Bucket, of func(key string) RunID, record func(value []byte) error) {
			tx.Scan(bucket, "", "", func(key string, value []byte) bool {
				if keep(of(key)) {
					if err := record(value); err != nil {
						errs = append(errs, fmt.Errorf("the record %s of %s: %w", key, bucket, err))
					}
				}
				return true
			})
		}
		read(book.Runs, func(key string) RunID { id, _ := runIDOf(key); return id }, func(value []byte) error {
			var rec runRecord
			err := json.Unmarshal(value, &rec)
			f(rec.Spec)
			return err
		})
		read(book.Specs, runOfAction, func(value []byte) error {
			var rec specRecord
			err := json.Unmarshal(value, &rec)
			for _, text := range [][]byte{[]byte(rec.InputURI), rec.Task, rec.Trace, rec.Condition} {
				f(text)
			}
			return err
		})
		read(book.States, runOfAction, func(value []byte) error {
			var rec stateRecord
			err := json.Unmarshal(value, &rec)
			f([]byte(rec.OutputURI))
			f(rec.Value)
			for _, at := range rec.Attempts {
				f([]byte(at.OutputURI))
			}
			return err
		})
		tx.Scan(book.Tasks, "", "", func(_ string, value []byte) bool { f(value); return true })
		return errors.Join(errs...)
	})
}
