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
func noOverlay(dir string, inUserNamespace bool) string {
	if inUserNamespace {
		if why := noUserOverlay(dir); why != "" {
			return why
		}
	}
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

// noUserOverlay says the same of a user namespace, where the kernel mounts
// overlays since 5.11 and keeps its notes in user.* attributes.
func noUserOverlay(dir string) string {
	const instead = ": the root file system is read-only and /tmp is memory"
	if !kernelAtLeast(5, 11) {
		return "before Linux 5.11 an ordinary user cannot have a private layer" + instead
	}
	const probe = "user.drydock"
	if err := unix.Setxattr(dir, probe, []byte("y"), 0); err == unix.ENOTSUP {
		return "the state directory's file system keeps no user attributes, without which an ordinary user cannot have a private layer" + instead + "; put --state-dir on ext4 or xfs"
	}
	_ = unix.Removexattr(dir, probe)
	return ""
}

// kernelAtLeast compares the running kernel's version.
func kernelAtLeast(major, minor int) bool {
	var uts unix.Utsname
	var a, b int
	if unix.Uname(&uts) != nil {
		return false
	}
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(uts.Release[:]), "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}

func overlayNote(dir string, inUserNamespace bool) []sandbox.Enforcement {
	if dir == "" { // nobody's in particular
		return nil
	}
	if why := noOverlay(dir, inUserNamespace); why != "" {
		return []sandbox.Enforcement{{Limit: "private-layer", State: sandbox.NotEnforced, Why: why}}
	}
	return nil
}
