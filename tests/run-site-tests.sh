#!/bin/bash
# run-site-tests.sh [build]: build the box with real HTCondor and Slurm, and unless told only to build, run the tests in
# it; elsewhere say what is left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
site=$root/tests/site/site
left_out() {
  printf '%s\n' "=====================================================================" "LEFT OUT: $*" \
    "====================================================================="
}
if ! reason=$("$site" check 2>&1); then
  left_out "the tests on real HTCondor and Slurm. $reason"
  exit 0
fi
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
export REANA_BATCH_BOX=${REANA_BATCH_BOX:-$HOME/.cache/reana-batch/site}
mkdir -p "$REANA_BATCH_BOX"
exec 7>"$REANA_BATCH_BOX/tests" # the boxes are those of one checkout at a time
flock --nonblock 7 || { echo "waiting for the tests of another checkout"; flock 7; }
echo "==> box: real HTCondor and Slurm"
"$site" build
[ "${1:-}" != build ] || exit 0
grep -q 'is left out' "$REANA_BATCH_BOX/log/70-pyslurm.log" &&
  left_out "the tests of pyslurm, because Ubuntu's archive was out of reach when the box was built."
# Most of the time jobs wait for their schedulers: several boxes side by side, each with whole files of tests.
boxes=${REANA_BATCH_BOXES:-3}
echo "==> site: the tests on real HTCondor and Slurm, in $boxes boxes"
exec "$root/$BIN/python" -m pytest -v -m site --durations 15 -n "$boxes" --dist loadfile "$root/tests"
