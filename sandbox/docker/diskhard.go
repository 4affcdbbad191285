// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"drydock/sandbox"
	"drydock/sandbox/disk"
	"drydock/sandbox/disk/hard"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

// diskPlan is how a hard limit on the disk is held: the task's own directory
// by drydock, the container's layer by the engine where its file system has
// quotas for projects. Each holds the whole limit.
type diskPlan struct {
	Work  hard.Way `json:"work,omitempty"`  // "": the task has none of its own
	Layer bool     `json:"layer,omitempty"` // to be proved when it is there
}

// planDisk finds out how a hard limit is held; nil: none is asked for. Errors
// are *sandbox.SpecError: nothing of the task's disk can be held so.
func planDisk(info engine.Info, spec sandbox.Spec) (*diskPlan, error) {
	if spec.Limits.Disk <= 0 || spec.Limits.DiskEnforce != sandbox.DiskHard {
		return nil, nil
	}
	if !info.Local {
		return nil, hard.Impossible("the engine's files are on another machine", "")
	}
	if err := hard.Enough(spec.Limits.Disk); err != nil {
		return nil, err
	}
	p := &diskPlan{Layer: layerQuota(info)}
	if ownDir(spec) {
		way, err := hard.Find(spec.Dir)
		if err != nil {
			return nil, err
		}
		p.Work = way
	}
	if p.Work == "" && !p.Layer {
		return nil, hard.Impossible(fmt.Sprintf("the engine keeps containers' layers by %s in %s, which has no quota for projects, and the task has no directory of its own beside the layer", info.StorageDriver, info.RootDir),
			"put the engine's data on XFS mounted with pquota")
	}
	return p, nil
}

// layerQuota reports whether the engine may hold a layer to a size: by
// overlay2 on a file system where quotas are proved. The containerd image
// store ("overlayfs") takes the option and ignores it (moby#51222).
func layerQuota(info engine.Info) bool {
	if info.StorageDriver != "overlay2" && info.StorageDriver != "overlay" {
		return false
	}
	way, err := hard.Find(info.RootDir)
	return err == nil && way == hard.Quota
}

// ownDir reports whether the task has a directory of its own beside the layer.
func ownDir(spec sandbox.Spec) bool {
	return slices.ContainsFunc(spec.Mounts, func(m sandbox.Mount) bool { return m.Source == filepath.Join(spec.Dir, wire.WorkDir) })
}

// diskEnforcement says how the limit on the disk is held.
func diskEnforcement(info engine.Info, spec sandbox.Spec) []sandbox.Enforcement {
	if spec.Limits.Disk <= 0 {
		return nil
	}
	p, err := planDisk(info, spec)
	if err != nil {
		return []sandbox.Enforcement{{Limit: "disk", State: sandbox.NotEnforced, Why: err.Error()}}
	}
	polled := diskLimit(info)
	if p == nil {
		return []sandbox.Enforcement{polled}
	}
	log := "the log is polled; mounts of the machine's own and volumes of the image do not count" + hard.Short(p.Work, spec.Dir, spec.Limits.Disk)
	e := sandbox.Enforcement{Limit: "disk", State: sandbox.Enforced}
	switch {
	case p.Layer && p.Work != "":
		e.Why = "hard, by the engine's quota in the container's layer and by " + p.Work.What() + " in the task's own directory, each up to the limit: a write beyond it fails; " + log
	case p.Layer:
		e.Why = "hard, by the engine's quota in the container's layer: a write beyond it fails; " + log
	default:
		e.Why = "hard, by " + p.Work.What() + ", in the task's own directory alone: a write beyond it fails; " + log
		polled.Limit = "disk-layer"
		return []sandbox.Enforcement{e, polled}
	}
	return []sandbox.Enforcement{e}
}

// holdDir is the entry of the attempt's directory that holds the limit.
const holdDir = "disk"

// holdDisk puts the task's own directory where a write beyond the limit fails.
// Its mount is the machine's, for the engine has to see it: what a supervisor
// that was killed leaves of it is cleaned with the rest.
func (k *keeper) holdDisk(a *supervise.Attempt) (supervise.Undo, error) {
	if k.plan.Disk == nil || k.plan.Disk.Work == "" {
		return nil, nil
	}
	h, undo, err := a.Hold(k.plan.Disk.Work, filepath.Join(k.plan.Dir, holdDir))
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(h.Data(), 0o777); err != nil {
		return undo, err
	}
	a.HeldWork = h.Data()
	for i := range k.plan.Container.Binds {
		if b := &k.plan.Container.Binds[i]; b.Source == filepath.Join(k.plan.Dir, wire.WorkDir) {
			b.Source = h.Data()
		}
	}
	return undo, nil
}

// proveLayer tries out the engine's limit on the container's layer, before
// anything runs in it.
func (k *keeper) proveLayer(a *supervise.Attempt, id string) error {
	if k.plan.Disk == nil || !k.plan.Disk.Layer {
		return nil
	}
	made, err := k.engine.Inspect(context.Background(), id)
	if err != nil {
		return err
	}
	h, err := hard.Prove(made.Layer, k.plan.Spec.Limits.Disk)
	if err != nil {
		return &sandbox.UnsupportedError{What: fmt.Sprintf("the engine took a size for the container's layer and does not hold it: %v", err),
			Remedy: "use --disk-enforce=evict"}
	}
	a.Holds = append(a.Holds, h)
	return nil
}

// cleanHold takes back what held an attempt's limit.
func cleanHold(dir string) error { return hard.Clean(filepath.Join(dir, holdDir)) }

// watchLayer has the container's layer measured, where this process can, and
// the file system that it lies on watched.
func (k *keeper) watchLayer(a *supervise.Attempt) {
	if info := k.engine.Info(); info.Local {
		a.HostDirs = []string{info.RootDir}
	}
	if diskLimit(k.engine.Info()).State != sandbox.Emulated {
		return
	}
	found := layer{held: k.plan.Disk != nil && k.plan.Disk.Layer}
	a.DiskPlaces = func() disk.Places { return found.places(k.box) }
}
