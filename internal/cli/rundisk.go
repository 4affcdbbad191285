// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"drydock/executor"
	"drydock/internal/config"
	"drydock/resources"
	"drydock/sandbox"
)

// applyDisk sets how the limit on the disk is held. A flag beats the task file;
// what the environment and config.yaml say is the profile's, see diskRule.
func applyDisk(_ World, _ runOptions, s *config.Settings, t *executor.Task) error {
	v := s.Get("disk_enforce")
	if v.Origin.Kind != config.FromFlag {
		return nil
	}
	if taskResources(*t).Disk == "" {
		return usagef("say how much it may take with --disk SIZE, or leave --disk-enforce out", "--disk-enforce %s: the task has no limit on its disk", v.Text)
	}
	t.DiskEnforce = sandbox.DiskEnforce(v.Text)
	return nil
}

// diskRule is the profile with what the settings say of the disk; nil is
// Flyte's own.
func diskRule(s *config.Settings, p *resources.Profile) *resources.Profile {
	v := s.Get("disk_enforce")
	if v.Origin.Kind == config.FromDefault {
		return p
	}
	changed := resources.DefaultProfile()
	if p != nil {
		changed = *p
	}
	changed.Disk.Enforce = v.Text
	return &changed
}
