// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/sandbox"
)

// keep remembers an attempt under way for Attach.
func (f *Fake) keep(r *fakeRun) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		f.running = map[string]*fakeRun{}
	}
	f.running[r.spec.Dir] = r
}

// Attach follows an attempt that this Fake started and that nobody else
// follows any more; its events go on where the last reader stopped. One that
// has ended is read back from its document. A directory with a log and no
// outcome is one whose supervisor was killed.
func (f *Fake) Attach(_ context.Context, spec sandbox.Spec) (sandbox.Running, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.running[spec.Dir]; r != nil {
		return r, nil
	}
	r := newFakeRun(f, spec, sandbox.Streams{})
	close(r.events)
	close(r.done)
	data, err := os.ReadFile(filepath.Join(spec.Dir, "outcome.json"))
	if err == nil && json.Valid(data) {
		r.out = sandbox.Outcome{}
		return r, json.Unmarshal(data, &r.out)
	}
	if _, logErr := os.Lstat(filepath.Join(spec.Dir, "log")); logErr == nil {
		r.out, r.err = sandbox.Outcome{}, sandbox.ErrNoOutcome
		return r, nil
	}
	return nil, fmt.Errorf("attempt %d of %s: %w", spec.Attempt, spec.ID, sandbox.ErrNotBegun)
}

// onHost is where the working directory lies: below a mount's source, or as
// it is named.
func onHost(spec sandbox.Spec) string {
	for i := len(spec.Mounts) - 1; i >= 0; i-- {
		m := spec.Mounts[i]
		if rest, ok := strings.CutPrefix(spec.WorkDir+"/", strings.TrimSuffix(m.Target, "/")+"/"); ok {
			return filepath.Join(m.Source, rest)
		}
	}
	return spec.WorkDir
}
