#!/bin/bash
# run-site-tests.sh [build|condor|conformance]: build the box with real HTCondor and Slurm, and run all tests in it. With
# "build" run no tests; with "condor" only those of HTCondor; with "conformance" conformance tests of CWL instead. On a
# machine that cannot hold a box, say which tests are left out.
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
cache=$("$site" cache)
mkdir -p "$cache"
exec 7>"$cache/tests" # one checkout uses the boxes at a time
flock --nonblock 7 || { echo "waiting for the tests of another checkout"; flock 7; }
echo "==> box: real HTCondor and Slurm"
"$site" build
[ "${1:-}" != build ] || exit 0
[ "${1:-}" != conformance ] || exec "$root/$BIN/python" -m tests.conformance.site
grep -q 'is left out' "$cache/log/70-pyslurm.log" &&
  left_out "the tests of pyslurm and of HTCondor 25.6: Ubuntu's archive was out of reach when the box was built, so it has" \
    "Debian's Slurm and HTCondor. \"tests/site/site build --clean\" tries again."
tests=("$root/tests")
[ "${1:-}" != condor ] || tests=("$root"/tests/real/test_{htcondor,htcondor_transfer,expansions,mixed,data,credentials}.py)
# Most of the time jobs wait for their schedulers, so several boxes run in parallel, each with whole files of tests.
boxes=${REANA_BATCH_BOXES:-3}
echo "==> site: the tests on real HTCondor and Slurm, in $boxes boxes"
exec "$root/$BIN/python" -m pytest -v -m site --durations 15 -n "$boxes" --dist loadfile "${tests[@]}"
