// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"drydock/internal/leftover"
	"drydock/internal/need"
)

func TestMain(m *testing.M) {
	if os.Getenv(lifeVariable) != "" {
		shortLife()
	}
	// So that supervisors whose parent was killed stay in sight.
	if err := leftover.BecomeSubreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := need.Main(m)
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// nothingLeft fails the test if something of it is still there at its end.
func nothingLeft(t *testing.T) {
	t.Helper()
	before := leftover.Take()
	t.Cleanup(func() {
		items := before.Since(5 * time.Second)
		for _, item := range items {
			t.Error(item)
		}
		leftover.Kill(items)
	})
}
