#!/bin/bash
# pyslurm in a separate environment, built against the box's Slurm, because there are no wheels of it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

pyslurm=25.11.2
venv=/opt/venv/pyslurm

rm -rf "${SITE_ROOT:?}$venv"
# shellcheck disable=SC2016  # a placeholder of dpkg-query
version=$(in_root dpkg-query --show --showformat '${Version}' slurm-client)
if [[ $version != "${pyslurm%.*}."* ]]; then
    echo "pyslurm $pyslurm is left out, because this is Slurm $version."
    exit
fi
apt_install "$SITE_ROOT" gcc libc6-dev python3-dev libslurm-dev
in_root python3 -m venv "$venv"
printf '%s\n' '[build_ext]' 'parallel = 2' >"$SITE_ROOT$venv/build.cfg"
# Build without optimization, which would take half a minute. pyslurm only waits for slurmctld.
build_environment=(
    CFLAGS=-O0 DIST_EXTRA_CONFIG="$venv/build.cfg" PYSLURM_BUILD_JOBS=2
    SLURM_INCLUDE_DIR=/usr/include SLURM_LIB_DIR="/usr/lib/$(in_root uname -m)-linux-gnu"
)
pip_in_root pyslurm install "pyslurm==$pyslurm"
