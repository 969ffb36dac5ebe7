#!/bin/bash
# Apptainer. Debian has it in sid only, so a pin keeps all other packages of sid out.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

echo "deb $(mirror) sid main" >"$SITE_ROOT/etc/apt/sources.list.d/sid.list"
cat >"$SITE_ROOT/etc/apt/preferences.d/sid" <<'END'
Package: *
Pin: release n=sid
Pin-Priority: -10

Package: apptainer
Pin: release n=sid
Pin-Priority: 600
END
apt_install "$SITE_ROOT" apptainer
