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
if [ ! -L "$("$site" path /opt/venv/pyslurm/bin/python)" ]; then
  printf '%s\n' "=====================================================================" \
    "LEFT OUT: the tests of pyslurm, for Ubuntu's archive was out of reach when the box was built." \
    "====================================================================="
fi
# Most of the time jobs wait for their schedulers: several boxes side by side, each with whole files of tests.
boxes=${REANA_BATCH_BOXES:-3}
export REANA_BATCH_BOX=${REANA_BATCH_BOX:-$HOME/.cache/reana-batch/site}
for ((number = 1; number < boxes; number++)); do "$site" copy "$REANA_BATCH_BOX-$number"; done
PATH=$root/$BIN:$PATH "$root/$BIN/python" -m pytest -v -m site --durations 15 -n "$boxes" --dist loadfile "$root/tests"
