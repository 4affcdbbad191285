// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/json"
	"time"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
)

// cacheRecord is where the outputs of a cached call lie.
type cacheRecord struct {
	OutputURI string    `json:"output_uri"`
	Created   time.Time `json:"created"`
	Action    string    `json:"action"` // whose they are
}

// cacheKey is the key under which an action's outputs are kept: the task's
// own and the scope that the run asked for. "": it is not cached.
func (r *liveRun) cacheKey(a *Action) string {
	key := a.Task.GetCacheKey().GetValue()
	if key == "" {
		return ""
	}
	if r.run.Spec.GetCacheConfig().GetCacheLookupScope() == task.CacheLookupScope_CACHE_LOOKUP_SCOPE_PROJECT_DOMAIN {
		return a.ID.Run.Project + "/" + a.ID.Run.Domain + "/" + key
	}
	return "global/" + key
}

// takeFromCache ends an action that has no state yet with a cached result, if
// there is one.
func (r *liveRun) takeFromCache(a *Action) bool {
	uri := r.lookup(a)
	if uri == "" {
		if a.CacheKey != "" {
			a.CacheStatus = core.CatalogCacheStatus_CACHE_MISS
		}
		return false
	}
	a.State.hit(uri, r.e.now())
	return true
}

// hit makes a cached result an action's own.
func (s *State) hit(uri string, now time.Time) {
	s.Phase, s.Ended, s.OutputURI = common.ActionPhase_ACTION_PHASE_SUCCEEDED, now, uri
	s.CacheStatus = core.CatalogCacheStatus_CACHE_HIT
	s.Error = nil
	s.Attempts = nil // none of it was launched
}

// lookup returns where a valid cached result lies; "" when there is none.
func (r *liveRun) lookup(a *Action) string {
	config := r.run.Spec.GetCacheConfig()
	if a.CacheKey == "" || config.GetOverwriteCache() || r.run.Spec.GetOverwriteCache() {
		return ""
	}
	var rec cacheRecord
	found := false
	_ = r.e.c.Book.View(func(tx book.Tx) error {
		data := tx.Get(book.Cache, a.CacheKey)
		found = data != nil && json.Unmarshal(data, &rec) == nil
		return nil
	})
	maxAge := a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetCacheMaxAge().AsDuration()
	if !found || maxAge > 0 && r.e.now().Sub(rec.Created) > maxAge {
		return ""
	}
	if HasOutputs(a.Task.GetSpec().GetTaskTemplate()) {
		if ok, err := r.e.c.Objects.Exists(context.Background(), rec.OutputURI+"/outputs.pb"); err != nil || !ok {
			return "" // pruned: compute it anew
		}
	}
	return rec.OutputURI
}

// HasOutputs reports whether a task declares outputs.
func HasOutputs(t *core.TaskTemplate) bool {
	return len(t.GetInterface().GetOutputs().GetVariables()) > 0
}

// putInCache keeps a successful action's outputs for the next equal call.
func (r *liveRun) putInCache(n *node) {
	if n.a.CacheKey == "" {
		return
	}
	rec := cacheRecord{OutputURI: n.a.OutputURI, Created: r.e.now(), Action: n.a.ID.key()}
	// A result that cannot be kept is computed again.
	_ = r.e.update(func(tx book.Tx) error { return putJSON(tx, book.Cache, n.a.CacheKey, rec) })
}

func (r *liveRun) serializable(a *Action) bool {
	return a.CacheKey != "" && a.Task.GetSpec().GetTaskTemplate().GetMetadata().GetCacheSerializable()
}

// awaitTwin waits while another action computes the same cached value, and
// returns its result as this one's end; nil: compute it here.
func (r *liveRun) awaitTwin(ctx context.Context, n *node) *End {
	a := r.snapshot(n)
	if err := r.e.reserve.take(ctx, a.CacheKey, n); err != nil {
		return nil
	}
	uri := r.lookup(a)
	if uri == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.a.Done() {
		if err := r.set(n, true, func(s *State) { s.hit(uri, r.e.now()) }); err != nil {
			return nil // then it is computed here
		}
	}
	return &End{Phase: n.a.Phase}
}
