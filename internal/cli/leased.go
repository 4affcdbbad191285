// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/internal/admission"
	"drydock/internal/config"
	"drydock/internal/top"
	"drydock/sandbox"
)

// machineNow is how much this machine has, and how much of it is taken; its
// tasks are left out.
func machineNow(s *config.Settings) top.Snapshot {
	m := top.Snapshot{Disk: diskFree(s.Get("state_dir").Text), Leased: leased(s)}
	if c, err := executor.HostCapacity(); err == nil {
		m.Cores, m.Memory = float64(c.CPUMilli)/1000, c.Memory
	}
	return m
}

// leased is what the tasks of all users and state directories hold of this
// machine; nil: that cannot be read.
func leased(s *config.Settings) *sandbox.Amounts {
	look, err := admission.Read(placeOf(s).LeaseDir)
	if err != nil {
		return nil
	}
	taken := look.Taken().Amounts
	return &taken
}

// diskFree is how many bytes may still be written below a directory, by its
// owner; where it is not there yet, below the one that it will be made in. 0:
// not known.
func diskFree(dir string) int64 {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	if errors.Is(err, unix.ENOENT) && filepath.Dir(dir) != dir {
		return diskFree(filepath.Dir(dir))
	}
	if err != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}
