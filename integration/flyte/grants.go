// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/objects"
)

// outputKey is the prefix of the keys below which all runs' outputs lie.
const outputKey = "runs"

// lastWords is how long the tasks of a run that is over, aborted say, may go on
// to write what they were about to.
const lastWords = time.Minute

// grants say what the tasks of a run may do with the object store: read
// everything, because inputs and cached results are other runs', and write
// what is their own run's, while it lasts.
type grants struct {
	store  *objects.Store
	now    func() time.Time
	lookUp func(engine.RunID) (*engine.Run, *engine.Action, error) // a run and its root

	mu   sync.Mutex
	runs map[string]engine.RunID // by the id of their credentials
	seen map[string]bool         // the ids of runs that have shown what they were given
}

// credentials returns the key pair of a run's tasks, and remembers whose it is.
func (g *grants) credentials(run engine.RunID) (accessKey, secret string) {
	id := g.know(run)
	c, err := g.store.Credentials(id)
	if err != nil {
		panic(err) // hexadecimal digits are always taken
	}
	return c.AccessKey, c.SecretKey
}

// know remembers a run by an id that is no longer than a key may be.
func (g *grants) know(run engine.RunID) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{run.Project, run.Domain, run.Name}, "/")))
	id := hex.EncodeToString(sum[:16])
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.runs == nil {
		g.runs = map[string]engine.RunID{}
	}
	g.runs[id] = run
	return id
}

// authorize is objects.Options.Authorize.
func (g *grants) authorize(accessKey string) (objects.Grant, bool) {
	id, ok := objects.CredentialsID(accessKey)
	if !ok {
		return objects.Grant{}, false
	}
	record, ok := g.admit(id)
	if !ok {
		return objects.Grant{}, false
	}
	run := record.ID
	grant := objects.Grant{Read: []string{""}, Write: []string{strings.Join([]string{outputKey, run.Project, run.Domain, run.Name}, "/")}}
	// flyte run --raw-data-path may name another place.
	if key, err := objects.ParseURI(strings.TrimSuffix(record.Spec.GetRawDataStorage().GetRawDataPrefix(), "/")); err == nil {
		grant.Write = append(grant.Write, key)
	}
	return grant, true
}

// admit finds the run of an id, while its tasks may still ask for something.
func (g *grants) admit(id string) (*engine.Run, bool) {
	g.mu.Lock()
	run, ok := g.runs[id]
	g.mu.Unlock()
	if !ok {
		return nil, false
	}
	record, root, err := g.lookUp(run)
	over := err != nil || root.Done() && g.now().Sub(root.Ended) > lastWords
	g.mu.Lock()
	defer g.mu.Unlock()
	if over {
		delete(g.runs, id)
		delete(g.seen, id)
		return nil, false
	}
	if g.seen == nil {
		g.seen = map[string]bool{}
	}
	g.seen[id] = true
	return record, true
}
