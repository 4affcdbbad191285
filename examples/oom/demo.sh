#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make demo: a program that runs out of memory, is explained, and succeeds
# with more. Needs bin/ (make build), python3, and root or sudo for cgroups.
set -u
cd "$(dirname "$0")" || exit 1
drydock=$PWD/../../bin/drydock
state=$(mktemp -d) || exit 1
trap 'rm -rf "$state" 2>/dev/null || sudo rm -rf "$state"' EXIT

sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "make demo needs root: cgroups and mounts" >&2; exit 1; }
	sudo=sudo
fi

step() {
	echo
	echo "\$ drydock run $*"
	$sudo "$drydock" run --state-dir "$state" "$@"
	code=$?
	echo "exit code $code"
}

echo "1. A job with the memory it was given on the cluster:"
step --cpu 1 --memory 64Mi -- python3 features.py 100000
[ "$code" = 137 ] || { echo "demo: expected 137" >&2; exit 1; }

echo
echo "2. The same job; drydock may double the memory until it works:"
step --cpu 1 --memory 64Mi --oom-retry 2x,max=1Gi,attempts=5 -- python3 features.py 100000
[ "$code" = 0 ] || { echo "demo: expected 0" >&2; exit 1; }
