// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"syscall"
)

// diskFree is how many bytes may still be written below dir, by its owner.
func diskFree(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("find out how much room %s has: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
