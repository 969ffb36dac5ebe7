#!/bin/bash
# Slurm 25.11, for which there is a pyslurm: no release of Debian has it, Ubuntu's of 2026 keeps it for good. Where
# Ubuntu's archive is out of reach the box has Debian's own Slurm, and no pyslurm.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=(slurmctld slurmd slurm-client slurmdbd)
list=$SITE_ROOT/etc/apt/sources.list.d/ubuntu.list
keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg

apt_install "$SITE_ROOT" ubuntu-archive-keyring
echo "deb [signed-by=$keys] $(ubuntu_mirror) resolute main universe" >"$list"
# From there come Slurm, the hwloc that it wants, and what Debian does not have.
cat >"$SITE_ROOT/etc/apt/preferences.d/ubuntu" <<'END'
Package: *
Pin: release o=Ubuntu
Pin-Priority: 100

Package: src:slurm-wlm src:hwloc libze1
Pin: release o=Ubuntu
Pin-Priority: 600
END
if ! in_root apt-get -qq -o APT::Update::Error-Mode=any update; then
    echo "Ubuntu's archive cannot be reached: Slurm is Debian's own."
    rm "$list"
fi
apt_install "$SITE_ROOT" "${packages[@]}"
