#!/bin/bash
# A minimal Debian trixie with the package settings of this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if ! command -v debootstrap >/dev/null; then
    apt-get -qq update
    apt-get -y -qq install --no-install-recommends debootstrap
fi
rm -rf --one-file-system "$SITE_ROOT"
mkdir -p "$SITE_ROOT"
debootstrap --variant=minbase --include=ca-certificates trixie "$SITE_ROOT" "$(mirror)"

install -m 644 /etc/resolv.conf "$SITE_ROOT/etc/resolv.conf"
# In a separate file, because the ca-certificates package rewrites the usual bundle.
install -m 644 /etc/ssl/certs/ca-certificates.crt "$SITE_ROOT/etc/ssl/machine-ca.crt"
apt_settings >"$SITE_ROOT/etc/apt/apt.conf.d/50machine"
echo "deb $(mirror) trixie main" >"$SITE_ROOT/etc/apt/sources.list"
# Otherwise package scripts would start daemons on the host's network.
printf '#!/bin/sh\nexit 101\n' >"$SITE_ROOT/usr/sbin/policy-rc.d"
chmod 755 "$SITE_ROOT/usr/sbin/policy-rc.d"
printf '%s\n' 'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/locale/*' \
    force-unsafe-io >"$SITE_ROOT/etc/dpkg/dpkg.cfg.d/site"
