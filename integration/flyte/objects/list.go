// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"drydock/integration/flyte/objects/internal/keypath"
)

// List returns the objects whose keys begin with prefix and come after the key
// after, in the order of their keys' bytes, at most max of them (above zero).
// more says that there are further ones: give the last key as the next after.
// Objects that come or go meanwhile may or may not be in it.
func (s *Store) List(ctx context.Context, prefix, after string, max int) (list []Info, more bool, err error) {
	page, err := s.page(ctx, query{prefix: prefix, after: after, max: max})
	for _, it := range page.items {
		list = append(list, it.info)
	}
	return list, page.more, err
}

// A query asks for one page of a listing.
type query struct {
	prefix string
	// Keys that hold the delimiter after the prefix are left out; what stands
	// up to it, the delimiter included, is an item of its own.
	delimiter string
	after     string
	max       int
}

type item struct {
	common string // the common part of several keys; then there is no info
	info   Info
}

func (it item) name() string { return cmp.Or(it.common, it.info.Key) }

type page struct {
	items []item
	more  bool
}

func (s *Store) page(ctx context.Context, q query) (page, error) {
	var p page
	if q.max <= 0 {
		return p, nil
	}
	err := s.walk(ctx, q, func(it item) bool {
		if len(p.items) == q.max {
			p.more = true
			return false
		}
		p.items = append(p.items, it)
		return true
	})
	return p, err
}

// walk yields a listing's items in order until yield returns false.
func (s *Store) walk(ctx context.Context, q query, yield func(item) bool) error {
	w := &walker{s: s, ctx: ctx, query: q, yield: yield}
	// Nothing outside the prefix's directory can be in the listing.
	dir, base := objectsDir, ""
	if i := strings.LastIndexByte(q.prefix, '/'); i >= 0 {
		dir, base = objectPath(q.prefix[:i]), q.prefix[:i+1]
	}
	w.dir(dir, base)
	if w.err != nil {
		return fmt.Errorf("list %q: %w", q.prefix, w.err)
	}
	return nil
}

type walker struct {
	query
	s      *Store
	ctx    context.Context
	yield  func(item) bool
	common string // the last common part yielded
	err    error
}

// entry is one segment of keys that a directory holds.
type entry struct {
	sort string // the segment, and for a directory the slash after it
	path string
	dir  bool
	self bool // the object that the directory holds for itself, if it does
}

// dir lists the objects whose keys begin with base and whose files are in the
// directory. It returns false when the walk is over.
func (w *walker) dir(dir, base string) bool {
	if w.err = w.ctx.Err(); w.err != nil {
		return false
	}
	entries, err := w.segments(dir, "")
	if err != nil {
		w.err = err
		return false
	}
	// No segment holds a slash, so the order of these is that of the keys.
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sort, b.sort) })
	for _, e := range entries {
		if !w.entry(e, base+e.sort) {
			return false
		}
	}
	return true
}

func (w *walker) entry(e entry, key string) bool {
	switch {
	case !e.dir:
		return !w.wanted(key) || e.self && !w.s.isFile(e.path) || w.object(key)
	case !w.leadsOn(key):
		return true
	case w.delimiter == "/" && len(key) > len(w.prefix):
		return w.directory(key)
	default:
		return w.dir(e.path, key)
	}
}

func (w *walker) wanted(key string) bool {
	return strings.HasPrefix(key, w.prefix) && key > w.after
}

// leadsOn tells whether keys below base can be wanted.
func (w *walker) leadsOn(base string) bool {
	return (strings.HasPrefix(base, w.prefix) || strings.HasPrefix(w.prefix, base)) &&
		(base > w.after || strings.HasPrefix(w.after, base))
}

// directory yields all that is below base as one item, if anything is. A page
// that ended with this very item goes on behind it.
func (w *walker) directory(base string) bool {
	if base == w.after {
		return true
	}
	found := false
	w.err = w.s.walk(w.ctx, query{prefix: base, after: w.after}, func(item) bool {
		found = true
		return false
	})
	if w.err != nil {
		return false
	}
	return !found || w.yield(item{common: base})
}

func (w *walker) object(key string) bool {
	if w.delimiter != "" {
		if i := strings.Index(key[len(w.prefix):], w.delimiter); i >= 0 {
			return w.rolledUp(key[:len(w.prefix)+i+len(w.delimiter)])
		}
	}
	info, err := w.s.Stat(w.ctx, key)
	switch {
	case err == nil:
		return w.yield(item{info: info})
	case absentObject(err):
		return true
	default:
		w.err = err
		return false
	}
}

func (w *walker) rolledUp(common string) bool {
	if common == w.common || common == w.after {
		return true
	}
	w.common = common
	return w.yield(item{common: common})
}

// segments reads a directory. Names that stand for a part of a long segment
// are followed, so that the caller sees whole segments; names that are not a
// key's are left out.
func (w *walker) segments(dir, begun string) ([]entry, error) {
	names, err := w.s.readDir(dir)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, d := range names {
		text, goesOn, ok := keypath.DecodeName(d.Name())
		path := dir + "/" + d.Name()
		switch {
		case !ok:
		case goesOn:
			longer, err := w.segments(path, begun+text)
			if err != nil {
				return nil, err
			}
			entries = append(entries, longer...)
		case d.IsDir():
			entries = append(entries, entry{sort: begun + text + "/", path: path, dir: true})
			entries = append(entries, entry{sort: begun + text, path: path + "/" + keypath.Self, self: true})
		case d.Type().IsRegular():
			entries = append(entries, entry{sort: begun + text, path: path})
		}
	}
	return entries, nil
}

// readDir returns nothing for what is not a directory, or not one any more.
func (s *Store) readDir(dir string) ([]os.DirEntry, error) {
	f, err := s.root.Open(dir)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if absent(err) {
		return nil, nil
	}
	return entries, err
}

func (s *Store) isFile(name string) bool {
	fi, err := s.root.Lstat(name)
	return err == nil && fi.Mode().IsRegular()
}
