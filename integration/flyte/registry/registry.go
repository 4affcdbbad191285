// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"drydock/integration/flyte/book"
)

// Errors that callers tell apart with errors.Is; the texts wrap details.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInvalid  = errors.New("invalid")
)

// Registry is an open registry. Its methods are safe for concurrent use.
type Registry struct {
	book *book.Book
	now  func() time.Time

	mu    sync.Mutex
	last  time.Time          // of the newest entry: times order entries
	known map[[2]string]bool // projects and domains that are written down
}

// New returns the registry in a book, with Flyte's default project made if
// there is none. now is the clock; nil: time.Now.
func New(b *book.Book, now func() time.Time) (*Registry, error) {
	if now == nil {
		now = time.Now
	}
	r := &Registry{book: b, now: now, known: map[[2]string]bool{}}
	if err := r.Touch(DefaultProject, Domains[0]); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return r, nil
}

// stamp returns the time, later than every earlier one.
func (r *Registry) stamp() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.now().UTC()
	if !t.After(r.last) {
		t = r.last.Add(1)
	}
	r.last = t
	return t
}

// key joins names, none of which may hold the separator.
func key(names ...string) (string, error) {
	if slices.ContainsFunc(names, func(n string) bool { return n == "" || strings.Contains(n, "/") }) {
		return "", fmt.Errorf("%w: a name in %q is empty or has a slash", ErrInvalid, names)
	}
	return strings.Join(names, "/"), nil
}
