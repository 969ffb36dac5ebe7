#!/bin/bash
# install-jupyter.sh: install the Jupyter server that the tests open, in an environment of its own, because yadage needs an
# older jsonschema. If that fails, say which tests are left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.venv/jupyter # where tests/lifecycle/test_sessions.py looks for it
wanted=jupyter-server==2.21.1
[ "$(cat "$folder/installed" 2>/dev/null)" != "$wanted" ] || exit 0
mkdir -p "$root/build"
if { "$root/$BIN/python" -m venv "$folder" &&
  timeout 300 "$folder/bin/python" -m pip --disable-pip-version-check install "$wanted"; } >"$root/build/jupyter.log" 2>&1; then
  echo "$wanted" >"$folder/installed"
  exit 0
fi
printf '%s\n' "=====================================================================" \
  "LEFT OUT: the tests that open a Jupyter server. pip could not install $wanted." \
  "The log of the attempt is build/jupyter.log." \
  "====================================================================="
