// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/integration/guest/wire"
)

// userlandPackages are what the guest has beside Debian's smallest system:
// languages of the zoo, systemd with login sessions, and what an ordinary user
// needs for containers.
var userlandPackages = []string{
	"default-jre-headless", "procps", "python3", // the zoo's programs
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
	systemd-tmpfiles-clean.timer getty@tty1.service serial-getty@ttyS0.service systemd-timesyncd.service
`

// rootSize is sparse.
const rootSize = "4G"

// rootImage is the root file system's image, made unless it is in the cache.
func rootImage(ctx context.Context) (string, error) {
	suite, err := osRelease("VERSION_CODENAME")
	if err != nil {
		return "", err
	}
	dir, err := cached(ctx, "root", append([]string{suite, userlandScript, rootSize}, userlandPackages...), func(ctx context.Context, dir string) error {
		return makeRoot(ctx, dir, suite)
	})
	return filepath.Join(dir, "root.ext4"), err
}

// osRelease reads a field of os-release(5).
func osRelease(field string) (string, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+"="); ok {
			return strings.Trim(strings.TrimSpace(value), `"`), nil
		}
	}
	return "", fmt.Errorf("/etc/os-release has no %s", field)
}

func makeRoot(ctx context.Context, dir, suite string) error {
	mirror, err := packageSource(ctx, suite)
	if err != nil {
		return err
	}
	tree := filepath.Join(dir, "tree")
	_, err = output(ctx, dir, "debootstrap", "--variant=minbase", "--include="+strings.Join(userlandPackages, ","), suite, tree, mirror)
	if err == nil {
		_, err = output(ctx, tree, "sh", "-c", userlandScript)
	}
	if err == nil {
		err = makeImage(ctx, filepath.Join(dir, "root.ext4"), tree, rootSize)
	}
	return errors.Join(err, os.RemoveAll(tree))
}

// packageSource is where this machine gets its own packages of a suite.
func packageSource(ctx context.Context, suite string) (string, error) {
	list, err := output(ctx, "", "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: "+suite)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(list), "\n")
	if first == "" {
		return "", fmt.Errorf("the package sources of this machine have no suite %s", suite)
	}
	return first, nil
}

// makeImage makes an ext4 image of a directory, without mounting anything.
func makeImage(ctx context.Context, image, dir, size string) error {
	_, err := output(ctx, "", "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1", "-m", "0", "-d", dir, image, size)
	return err
}
