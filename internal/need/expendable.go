// SPDX-License-Identifier: Apache-2.0

package need

import (
	"os"
	"testing"
)

// GuestVariable is set in the environment of tests that run in a machine of
// their own (package guest).
const GuestVariable = "DRYDOCK_GUEST"

// InGuest says whether this machine was made for the tests.
func InGuest() bool { return os.Getenv(GuestVariable) != "" }

// Expendable needs a machine that nobody minds if it runs out of memory or is
// set up otherwise for a while. No other machine is asked to put up with it,
// whatever was promised.
func Expendable(t testing.TB) {
	t.Helper()
	if !InGuest() {
		Gap(t, "would disturb other programs on this machine (make test-v2 has one of its own)")
	}
}
