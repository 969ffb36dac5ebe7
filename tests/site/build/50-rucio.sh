#!/bin/bash
# Rucio's server and its client, in separate environments, because their dependencies differ.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

venv() { # NAME REQUIREMENT...
    local name=$1
    shift
    rm -rf "${SITE_ROOT:?}/opt/venv/$name"
    in_root python3 -m venv "/opt/venv/$name"
    pip_in_root "$name" install "$@"
}
venv rucio-server rucio==41.5.1 'psycopg[binary]'
venv rucio-client rucio-clients==41.5.1
ln -sfn /opt/venv/rucio-client/bin/rucio "$SITE_ROOT/usr/local/bin/rucio"
