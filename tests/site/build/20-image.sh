#!/bin/bash
# /opt/images/py: the tree of a container image, Debian with a small Python. It is copied while the root is minimal.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

part=$SITE_CACHE/image.part
rm -rf --one-file-system "$part" "$SITE_ROOT/opt/images"
cp -a --one-file-system "$SITE_ROOT" "$part"
apt_install "$part" python3-minimal
umount "$part/proc"
rm -rf "${part:?}"/{var/lib/apt/lists,var/cache/apt,usr/share/doc,usr/share/man,usr/share/locale,dev}/*
rm -f "$part/etc/resolv.conf" "$part/etc/ssl/machine-ca.crt" "$part"/etc/apt/apt.conf.d/50machine "$part/etc/apt/sources.list"
chmod -R a+rX "$part" # a user's "apptainer build" stops at the first file that it cannot read
mkdir -p "$SITE_ROOT/opt/images"
mv "$part" "$SITE_ROOT/opt/images/py"
