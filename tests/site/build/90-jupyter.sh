#!/bin/bash
# JupyterLab in a separate environment, as a user has it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

jupyterlab=4.6.6
venv=/opt/venv/jupyter

rm -rf "${SITE_ROOT:?}$venv"
in_root python3 -m venv "$venv"
pip_in_root jupyter install "jupyterlab==$jupyterlab"
