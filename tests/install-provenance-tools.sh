#!/bin/bash
# install-provenance-tools.sh: install what reads the exports of runs in the tests, in an environment of its own: the
# validator of RO-Crates, and WfCommons. The old rocrate has the context of RO-Crate 1.1, which the validator would download.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.venv/provenance # where the tests look for it
wanted=(roc-validator==0.13.0 wfcommons==1.6 rocrate==0.15.0)
[ "$(cat "$folder/installed" 2>/dev/null)" != "${wanted[*]}" ] || exit 0
mkdir -p "$root/build"
"$BIN/python" -m venv "$folder"
if timeout 600 "$folder/bin/python" -m pip --quiet --disable-pip-version-check install "${wanted[@]}" \
  >"$root/build/provenance.log" 2>&1; then
  echo "${wanted[*]}" >"$folder/installed"
  exit 0
fi
printf '%s\n' "=====================================================================" \
  "LEFT OUT: the tests in which others read the exports of runs. pip could not install ${wanted[*]}." \
  "The log of the attempt is build/provenance.log." \
  "====================================================================="
