#!/bin/bash
# The clients of gfal2. Many grid sites use them for WebDAV.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

apt_install "$SITE_ROOT" gfal2-util-scripts gfal2-plugin-http gfal2-plugin-file
