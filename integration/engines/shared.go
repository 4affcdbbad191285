// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"drydock/internal/need"
)

// RowsVariable names the environment variable that limits All to some of the
// engines, by name and separated by commas.
const RowsVariable = "DRYDOCK_TEST_ENGINES"

// shared are the engines of this process that all its tests use.
var shared struct {
	sync.Mutex
	made [3]*Engine
}

// Main runs the tests of a package that uses engines: TestMain passes its
// result to os.Exit.
func Main(m *testing.M) int { return Run(func() int { return need.Main(m) }) }

// Run is Main for a package with preparations of its own: it calls tests, and
// ends the engines after it. Where this process was started as a guard it is
// one, and calls nothing.
func Run(tests func() int) int {
	if words := os.Getenv(guardVariable); words != "" {
		return beGuard(words)
	}
	code := tests()
	if err := endShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

func endShared() error {
	shared.Lock()
	defer shared.Unlock()
	var failed error
	for k, e := range shared.made {
		if e != nil {
			failed = errors.Join(failed, e.guard.end())
		}
		shared.made[k] = nil
	}
	return failed
}

// Docker20 needs Debian 12's Docker Engine (20.10, API 1.41), shared by the
// tests of this process.
func Docker20(t testing.TB) *Engine { t.Helper(); return sharedEngine(t, V20) }

// Docker28 needs a Docker Engine 28.5 (API 1.51), shared by the tests of this
// process. Its first start on a machine builds it, which takes minutes.
func Docker28(t testing.TB) *Engine { t.Helper(); return sharedEngine(t, V28) }

// Podman needs Debian 12's Podman service (4.3), shared by the tests of this
// process.
func Podman(t testing.TB) *Engine { t.Helper(); return sharedEngine(t, Pod) }

// All needs every kind of engine, or those that RowsVariable names.
func All(t testing.TB) []*Engine {
	t.Helper()
	var all []*Engine
	for _, k := range Kinds() {
		all = append(all, sharedEngine(t, k))
	}
	return all
}

// Kinds are the kinds that tests go through here, for a subtest each: one that
// is missing then skips its subtest alone.
func Kinds() []Kind {
	var kinds []Kind
	rows := os.Getenv(RowsVariable)
	for k := V20; k <= Pod; k++ {
		if rows == "" || contains(rows, k.String()) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func contains(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(w) == word {
			return true
		}
	}
	return false
}

// Shared needs an engine of that kind, shared by the tests of this process.
func Shared(t testing.TB, k Kind) *Engine { t.Helper(); return sharedEngine(t, k) }

func sharedEngine(t testing.TB, k Kind) *Engine {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.made[k] == nil {
		shared.made[k] = start(t, k)
	}
	return shared.made[k]
}

// Own needs an engine of that kind for this test alone, and ends it after it.
func Own(t testing.TB, k Kind, options ...Option) *Engine {
	t.Helper()
	e := start(t, k, options...)
	t.Cleanup(func() {
		if err := e.guard.end(); err != nil {
			t.Error(err)
		}
	})
	return e
}
