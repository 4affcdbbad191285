// SPDX-License-Identifier: Apache-2.0

package native

import (
	"path/filepath"

	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/native/shimapi"
)

// heldHard reports whether a write beyond the spec's limit on the disk is to
// fail.
func heldHard(spec sandbox.Spec) bool {
	return spec.Limits.Disk > 0 && spec.Limits.DiskEnforce == sandbox.DiskHard
}

// layersDir is where the private layers lie: with a hard limit in what holds it.
func layersDir(spec sandbox.Spec) string {
	layers := filepath.Join(spec.Dir, shimapi.LayersDir)
	if heldHard(spec) {
		return hard.Data(layers)
	}
	return layers
}

// diskWay finds out how a hard limit is held; "": none is asked for. Errors are
// *sandbox.SpecError.
func diskWay(spec sandbox.Spec) (hard.Way, error) {
	if !heldHard(spec) {
		return "", nil
	}
	if err := hard.Enough(spec.Limits.Disk); err != nil {
		return "", err
	}
	return hard.Find(spec.Dir)
}

// diskEnforcement says how the limit on the disk is held.
func (s *Sandbox) diskEnforcement(spec sandbox.Spec) []sandbox.Enforcement {
	switch {
	case spec.Limits.Disk <= 0:
		return nil
	case !heldHard(spec):
		return []sandbox.Enforcement{disk.Polled()}
	}
	e := sandbox.Enforcement{Limit: "disk", State: sandbox.Enforced}
	way, err := diskWay(spec)
	if err != nil {
		e.State, e.Why = sandbox.NotEnforced, err.Error()
		return []sandbox.Enforcement{e}
	}
	e.Why = "hard, by " + way.What() + ": in the private layer and the task's own directory a write beyond it fails; the log is polled; mounts and the working directory of the machine's own do not count" +
		hard.Short(way, spec.Dir, spec.Limits.Disk)
	return []sandbox.Enforcement{e}
}
