// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"testing"

	"drydock/internal/need"
)

// Limits on the disk where the file system has quotas for projects: hard ones
// are held by them.
func TestV2Quota(t *testing.T) {
	need.Program(t, "mkfs.xfs")
	for _, kind := range []string{"xfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			Machine{Quota: kind, Files: programs(t), Tests: []Tests{
				{Name: "hard", Package: "drydock/sandbox/disk/hard"},
				{Name: "native", Package: "drydock/sandbox/native", Run: "^TestConformance$/^(C7.*|C8.*|disk-.*)$|DiskFull$"},
			}}.Run(t, *runFlag)
		})
	}
}

// A Docker Engine whose data is on XFS holds a container's layer by its own
// quota.
func TestV2DockerQuota(t *testing.T) {
	need.Program(t, "mkfs.xfs")
	t.Parallel()
	files, env := dockerParts(t)
	Machine{Quota: "xfs", Files: files, Tests: []Tests{
		{Name: "docker", Package: "drydock/sandbox/docker", Run: "^TestConformance$/^docker-28.5$/^(C7.*|C8.*|disk-.*)$", Env: env},
	}}.Run(t, *runFlag)
}
