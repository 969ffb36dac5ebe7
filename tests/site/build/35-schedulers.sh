#!/bin/bash
# Slurm 25.11, because there is a pyslurm for it, and HTCondor 25.6. No release of Debian has them. Ubuntu's release of
# April 2026 has both, and keeps them. If Ubuntu's archive is out of reach, the box has Debian's versions and no pyslurm.
# REANA_BATCH_BOX_CONDOR=23.9 asks for Debian's HTCondor.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=(slurmctld slurmd slurm-client slurmdbd condor)
list=$SITE_ROOT/etc/apt/sources.list.d/ubuntu.list
keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
# Ubuntu provides Slurm, the hwloc that it needs, HTCondor, and packages that Debian does not have.
taken="src:slurm-wlm src:hwloc libze1"
[ "$SITE_CONDOR" = 23.9 ] || taken+=" src:condor"

apt_install "$SITE_ROOT" ubuntu-archive-keyring
echo "deb [signed-by=$keys] $(ubuntu_mirror) resolute main universe" >"$list"
cat >"$SITE_ROOT/etc/apt/preferences.d/ubuntu" <<END
Package: *
Pin: release o=Ubuntu
Pin-Priority: 100

Package: $taken
Pin: release o=Ubuntu
Pin-Priority: 600
END
if ! in_root apt-get -qq -o APT::Update::Error-Mode=any update; then
    echo "Ubuntu's archive cannot be reached: Slurm and HTCondor are Debian's own."
    rm "$list"
fi
apt_install "$SITE_ROOT" "${packages[@]}"

# The blahp of HTCondor 23.9.6 calls ConfigParser.readfp, which Python 3.12 removed. Its Slurm jobs would never end.
sed -i 's/\.readfp(/.read_file(/' "$SITE_ROOT"/usr/libexec/blahp/*.py
