// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"drydock/integration/guest/wire"
	"drydock/internal/provide"
)

// userlandPackages are what the guest has beside Debian's smallest system:
// languages of the zoo, systemd with login sessions, what an ordinary user
// needs for containers, and what a Docker Engine needs.
var userlandPackages = []string{
	"default-jre-headless", "procps", "python3", // the zoo's programs
	"busybox-static", "containerd", "runc",
	"dbus", "dbus-user-session", "libpam-systemd", "systemd-sysv", "uidmap",
}

// userlandScript finishes the tree in which it runs.
const userlandScript = `set -eu
rm -rf var/cache/apt/archives/* var/lib/apt/lists/* usr/share/doc/* usr/share/man/* usr/share/locale/*
mkdir -p ` + "." + wire.Payload + `
echo guest >etc/hostname
echo '127.0.0.1 localhost guest' >etc/hosts
chroot . useradd -m -u 1000 -s /bin/bash ordinary
# Nothing that wakes up by itself while tests count what is there.
chroot . systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
	containerd.service systemd-tmpfiles-clean.timer getty@tty1.service serial-getty@ttyS0.service systemd-timesyncd.service
`

// rootSize is sparse.
const rootSize = "4G"

// rootImage is the root file system's image, made unless it is in the cache.
func rootImage(ctx context.Context) (string, error) {
	suite, err := provide.Suite()
	if err != nil {
		return "", err
	}
	dir, err := provide.Dir(ctx, "guest-root", append([]string{suite, userlandScript, rootSize}, userlandPackages...), func(ctx context.Context, dir string) error {
		return makeRoot(ctx, dir, suite)
	})
	return filepath.Join(dir, "root.ext4"), err
}

func makeRoot(ctx context.Context, dir, suite string) error {
	tree := filepath.Join(dir, "tree")
	err := provide.Bootstrap(ctx, tree, suite, userlandPackages...)
	if err == nil {
		_, err = provide.Output(ctx, tree, "sh", "-c", userlandScript)
	}
	if err == nil {
		err = makeImage(ctx, filepath.Join(dir, "root.ext4"), tree, rootSize)
	}
	return errors.Join(err, os.RemoveAll(tree))
}

// makeImage makes an ext4 image of a directory, without mounting anything.
func makeImage(ctx context.Context, image, dir, size string) error {
	_, err := provide.Output(ctx, "", "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1", "-m", "0", "-d", dir, image, size)
	return err
}
