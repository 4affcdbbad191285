// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"testing"

	"drydock/internal/need"
)

// A machine goes off hard while tasks run, and comes back with the disk as it
// was: nobody wrote it out.
func TestPowerCut(t *testing.T) {
	if *runFlag != "" {
		need.Gap(t, "it is two machines with one test each, and -guest.run asks for others")
	}
	t.Parallel()
	inside := func(run string) []Tests {
		return []Tests{{Name: "inside", Package: "drydock/integration/guest/inside", Run: run}}
	}
	m := Machine{Memory: 1024, Files: programs(t), Keep: KeptDisk(t)}
	m.Tests = inside("^TestPowerCut$")
	m.RunUntilOff(t)
	m.Tests = inside("^TestPowerBack$")
	m.Run(t, "")
}
