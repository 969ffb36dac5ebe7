#!/bin/bash
# install-jupyter.sh: install the Jupyter server that the tests open, in an environment of its own, because yadage needs an
# older jsonschema.
set -euo pipefail
folder=$(cd "$(dirname "$0")/.." && pwd)/.venv/jupyter # where the tests look for it
wanted=jupyter-server==2.21.1
[ "$(cat "$folder/installed" 2>/dev/null)" != "$wanted" ] || exit 0
"$BIN/python" -m venv "$folder"
"$folder/bin/python" -m pip --quiet --disable-pip-version-check install "$wanted"
echo "$wanted" >"$folder/installed"
