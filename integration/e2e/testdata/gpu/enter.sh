#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a mount namespace of its own: a /dev with the nodes of two NVIDIA GPUs,
# which no driver is behind, around the command that follows.
set -eu
mount --make-rprivate /
dev=$FAKE_GPU/dev
mkdir -p "$dev"
mount -t tmpfs none "$dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$dev"
mkdir "$dev/pts" "$dev/shm" "$dev/mqueue"
ln -s /proc/self/fd "$dev/fd"
ln -s pts/ptmx "$dev/ptmx"
mknod -m 666 "$dev/nvidia0" c 195 0
mknod -m 666 "$dev/nvidia1" c 195 1
mknod -m 666 "$dev/nvidiactl" c 195 255
mknod -m 666 "$dev/nvidia-uvm" c 510 0
mount --bind "$dev" /dev
mount -t devpts -o newinstance,ptmxmode=666 none /dev/pts
mount -t tmpfs none /dev/shm
exec "$@"
