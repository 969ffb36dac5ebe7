#!/bin/bash
# SIF images. Apptainer needs / to be a mount point, so bind the root on itself first.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

mount --bind "$SITE_ROOT" "$SITE_ROOT"
cd "$SITE_ROOT"
in_root apptainer build --force /opt/images/py.sif /opt/images/py
# The startd runs this image to test that SIF files work. Debian does not ship it. Without it HasSIF stays undefined, and
# jobs of the container universe idle without end.
in_root apptainer build --force /usr/libexec/condor/exit_37.sif /usr/libexec/condor/singularity_test_sandbox
chmod a+r "$SITE_ROOT/opt/images/py.sif" "$SITE_ROOT/usr/libexec/condor/exit_37.sif"
