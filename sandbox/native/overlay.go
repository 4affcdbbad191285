// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// notUpper are the file systems that the kernel does not take as the upper
// layer of an overlay (Documentation/filesystems/overlayfs.rst): a container's
// own root file system is one.
var notUpper = map[int64]string{
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.CIFS_SUPER_MAGIC:      "cifs",
	unix.SMB2_SUPER_MAGIC:      "smb",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.V9FS_MAGIC:            "9p",
	unix.MSDOS_SUPER_MAGIC:     "vfat",
	unix.EXFAT_SUPER_MAGIC:     "exfat",
}

// noOverlay says why no private layer can lie in dir, or "".
func noOverlay(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	name, bad := notUpper[int64(st.Type)]
	if !bad {
		return ""
	}
	return fmt.Sprintf("the state directory is on %s, which cannot hold a private layer: the root file system is read-only and /tmp is memory; put --state-dir on ext4 or xfs", name)
}

func overlayNote(dir string) []sandbox.Enforcement {
	if why := noOverlay(dir); why != "" {
		return []sandbox.Enforcement{{Limit: "private-layer", State: sandbox.NotEnforced, Why: why}}
	}
	return nil
}
