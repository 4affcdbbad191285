// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"drydock/executor"
	"drydock/internal/config"
	"drydock/resources"
	"drydock/sandbox"
)

// A flag is the task's own word; what the environment says holds for every
// task that has none, whatever the cluster's profile says.
func TestDiskEnforceSettings(t *testing.T) {
	hard := resources.DefaultProfile()
	hard.Disk.Enforce = "hard"
	for _, tc := range []struct {
		name      string
		flag, env string
		profile   *resources.Profile
		task      sandbox.DiskEnforce
		rule      string // the profile's in the end; "": it stays as it is
	}{
		{name: "nothing said"},
		{name: "a profile", profile: &hard, rule: "hard"},
		{name: "the environment", env: "hard", rule: "hard"},
		{name: "the environment over a profile", env: "evict", profile: &hard, rule: "evict"},
		{name: "a flag", flag: "hard", env: "evict", task: sandbox.DiskHard, rule: "hard"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := config.Inputs{Flags: map[string]string{}, Env: func(name string) (string, bool) {
				if name == "DRYDOCK_DISK_ENFORCE" && tc.env != "" {
					return tc.env, true
				}
				return map[string]string{"HOME": t.TempDir()}[name], name == "HOME"
			}}
			if tc.flag != "" {
				in.Flags["disk_enforce"] = tc.flag
			}
			s, err := config.Load(in)
			if err != nil {
				t.Fatal(err)
			}
			task := executor.Task{Resources: resources.Resources{Disk: "1Gi"}}
			if err := applyDisk(World{}, runOptions{}, s, &task); err != nil || task.DiskEnforce != tc.task {
				t.Errorf("the task's is %q (%v), want %q", task.DiskEnforce, err, tc.task)
			}
			rule := ""
			if p := diskRule(s, tc.profile); p != nil {
				rule = p.Disk.Enforce
			}
			if rule != tc.rule {
				t.Errorf("the profile's is %q, want %q", rule, tc.rule)
			}
			if hard.Disk.Enforce != "hard" {
				t.Fatal("the profile itself was changed")
			}
		})
	}
}
