#!/bin/bash
# The clients of gfal2, which many grid sites have for WebDAV.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

apt_install "$SITE_ROOT" gfal2-util-scripts gfal2-plugin-http gfal2-plugin-file
