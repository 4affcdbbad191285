// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/objects"
)

// Prune says which runs stay.
type Prune struct {
	OlderThan time.Duration // what ended later stays
	Keep      int           // the newest of those that are over stay
	DryRun    bool          // only tell
	Now       time.Time
}

// Pruned is what a prune removed, or would.
type Pruned struct {
	Runs    []PrunedRun
	Objects int   // files that tasks and clients left
	Bytes   int64 // of them
	// Open runs are not over. While there are any nothing is removed: what
	// they may need of others nobody can tell.
	Open int
}

// PrunedRun is one run.
type PrunedRun struct {
	ID    engine.RunID
	Ended time.Time
	Bytes int64 // of its objects
}

// Prune removes runs that are over from the store, what they left in the cache
// of results, and the objects that nobody refers to any more: neither a run
// that stays nor a deployed task. A *InUseError says that a server holds it.
//
// The book forgets first: a prune that is killed leaves objects that the next
// one removes.
func (h Home) Prune(ctx context.Context, p Prune) (Pruned, error) {
	if _, err := os.Stat(h.book()); errors.Is(err, fs.ErrNotExist) {
		return Pruned{}, nil
	}
	unlock, err := h.hold()
	if err != nil {
		return Pruned{}, err
	}
	defer unlock()
	b, err := book.OpenFile(h.book())
	if err != nil {
		return Pruned{}, err
	}
	store, err := objects.Open(h.objects(), objects.Options{})
	if err != nil {
		return Pruned{}, errors.Join(err, b.Close())
	}
	done, err := (&pruning{Prune: p, book: b, store: store}).run(ctx)
	return done, errors.Join(err, store.Close(), b.Close())
}

// pruning is one prune under way.
type pruning struct {
	Prune
	book  *book.Book
	store *objects.Store
	gone  map[engine.RunID]*PrunedRun
	// places are all that there are, and whether somebody refers to one: then it
	// stays as a whole.
	places map[string]bool
}

func (p *pruning) run(ctx context.Context) (Pruned, error) {
	var done Pruned
	over, open, err := engine.ListOver(p.book)
	if done.Open = open; err != nil || open > 0 {
		return done, err
	}
	p.gone, p.places = map[engine.RunID]*PrunedRun{}, map[string]bool{}
	var ids []engine.RunID
	for i, r := range over {
		if i >= p.Keep && p.Now.Sub(r.Ended) >= p.OlderThan {
			p.gone[r.ID] = &PrunedRun{ID: r.ID, Ended: r.Ended}
			ids = append(ids, r.ID)
			continue
		}
		p.places[placeOfRun(r.ID)] = true
	}
	all, err := p.list(ctx)
	if err != nil {
		return done, err
	}
	if err := p.mark(ctx, all); err != nil {
		return done, err
	}
	if !p.DryRun {
		if err := engine.Forget(p.book, ids); err != nil {
			return done, err
		}
	}
	err = p.sweep(ctx, all, &done)
	for _, id := range ids {
		done.Runs = append(done.Runs, *p.gone[id])
	}
	return done, err
}

// page is how many objects are listed at once.
const page = 1000

func (p *pruning) list(ctx context.Context) (all []objects.Info, err error) {
	for after := ""; ; {
		some, more, err := p.store.List(ctx, "", after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if !more {
			return all, nil
		}
		after = some[len(some)-1].Key
	}
}

// mark finds what is referred to, from what the book says and from the
// documents in the store that it names, and those that these name.
func (p *pruning) mark(ctx context.Context, all []objects.Info) error {
	for _, o := range all {
		if place := placeOf(o.Key); !p.places[place] {
			p.places[place] = false // known, and not yet referred to
		}
	}
	if err := engine.Mentions(p.book, func(id engine.RunID) bool { return p.gone[id] == nil }, func(text []byte) { mentioned(text, p.refer) }); err != nil {
		return err
	}
	read := map[string]bool{}
	for grew := true; grew; {
		grew = false
		for _, o := range all {
			if read[o.Key] || path.Ext(o.Key) != ".pb" || o.Size > mostDocument || !p.places[placeOf(o.Key)] {
				continue
			}
			read[o.Key], grew = true, true
			data, _, err := p.store.GetBytes(ctx, o.Key, mostDocument)
			if err != nil {
				return err
			}
			mentioned(data, p.refer)
		}
	}
	return nil
}

// mostDocument bounds the inputs and outputs of an action: what is larger the
// SDK makes an object of its own, which they name.
const mostDocument = 64 << 20

// refer notes what a text that follows the beginning of a URI refers to. Of the
// places that it begins with the longest is meant, wherever the URI ends.
func (p *pruning) refer(rest string) {
	for end := len(rest); end > 0; end-- {
		if _, there := p.places[rest[:end]]; there {
			p.places[rest[:end]] = true
			return
		}
	}
}

// placeOf is the part of an object's key that drydock chose: the directory of
// a run, of an upload, of inputs. All these are four deep; inputs below a base of
// somebody's own may lie deeper, and stay together.
func placeOf(key string) string {
	const depth = 4
	end := 0
	for range depth {
		i := strings.IndexByte(key[end:], '/')
		if i < 0 {
			return key
		}
		end += i + 1
	}
	return key[:end-1]
}

// placeOfRun is where a run's outputs lie.
func placeOfRun(id engine.RunID) string {
	return path.Join(outputKey, id.Project, id.Domain, id.Name)
}

// sweep removes the objects that nobody refers to, of those that drydock gave
// their places: what somebody put elsewhere (--raw-data-path) is theirs.
func (p *pruning) sweep(ctx context.Context, all []objects.Info, done *Pruned) error {
	var errs []error
	for _, o := range all {
		age := p.Now.Sub(o.ModTime)
		if !ownPlace(o.Key) || p.places[placeOf(o.Key)] || age < p.OlderThan || strings.HasPrefix(o.Key, uploadKey) && age < uploadRemembered {
			continue
		}
		if !p.DryRun {
			if err := p.store.Delete(ctx, o.Key); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		done.Objects++
		done.Bytes += o.Size
		if id, ok := runOfOutput(o.Key); ok && p.gone[id] != nil {
			p.gone[id].Bytes += o.Size
		}
	}
	return errors.Join(errs...)
}

// uploadRemembered is how long clients remember that they uploaded a bundle of code,
// and do not upload it again (flyte-sdk _code_bundle/bundle.py: a day); and an
// hour for the time that an upload takes.
const uploadRemembered = 25 * time.Hour

// uploadKey is the beginning of the keys of what clients uploaded.
const uploadKey = "uploads/"

// runOfOutput is the run whose outputs an object is among.
func runOfOutput(key string) (engine.RunID, bool) {
	parts := strings.SplitN(key, "/", 5)
	if len(parts) < 4 || parts[0] != outputKey {
		return engine.RunID{}, false
	}
	return engine.RunID{Project: parts[1], Domain: parts[2], Name: parts[3]}, true
}

// ownPlace reports whether drydock chose an object's place: outputs, uploads
// (the code), and inputs.
func ownPlace(key string) bool {
	_, output := runOfOutput(key)
	return output || strings.HasPrefix(key, uploadKey) || strings.Contains("/"+key, "/offloaded-inputs/")
}
