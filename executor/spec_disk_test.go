// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"testing"

	"drydock/resources"
	"drydock/sandbox"
)

// How the limit on the disk is held is the task's word, then the profile's;
// without a limit there is nothing to hold.
func TestDiskEnforce(t *testing.T) {
	for _, tc := range []struct {
		name    string
		disk    resources.Quantity
		task    sandbox.DiskEnforce
		profile string
		want    sandbox.DiskEnforce
	}{
		{"nobody's word", "1Gi", "", "", ""},
		{"the profile's", "1Gi", "", "hard", sandbox.DiskHard},
		{"the task's", "1Gi", sandbox.DiskHard, "evict", sandbox.DiskHard},
		{"the task's against the profile's", "1Gi", sandbox.DiskEvict, "hard", sandbox.DiskEvict},
		{"no limit", "", sandbox.DiskHard, "hard", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			profile := resources.DefaultProfile()
			profile.Disk.Enforce = tc.profile
			task := Task{Command: []string{"true"}, Resources: resources.Resources{Disk: tc.disk}, DiskEnforce: tc.task}
			d, _, err := task.Resources.Complete(profile)
			if err != nil {
				t.Fatal(err)
			}
			r := &run{task: task, profile: profile, x: &Executor{}}
			spec, err := r.spec(1, t.TempDir(), d)
			if err != nil {
				t.Fatal(err)
			}
			if got := spec.Limits.DiskEnforce; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
