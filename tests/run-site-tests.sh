#!/bin/bash
# Build the site in a box and run the tests that need real HTCondor and Slurm; elsewhere say what is left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
site=$root/tests/site/site
echo "==> site: real HTCondor and Slurm in a box"
if ! reason=$("$site" check 2>&1); then
  printf '%s\n' "=====================================================================" \
    "LEFT OUT: the tests on real HTCondor and Slurm, for $reason" \
    "====================================================================="
  exit 0
fi
"$site" build
PATH=$root/$BIN:$PATH "$root/$BIN/python" -m pytest -v -m site --durations 10 "$root/tests"
