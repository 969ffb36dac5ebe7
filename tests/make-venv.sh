#!/bin/bash
# make-venv.sh PYTHON DIRECTORY -- make a virtual environment. If Debian lacks a package for it, install or name that.
set -euo pipefail
python=$1 directory=$2
[[ -x $directory/bin/python ]] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "reana-batch needs Python 3.11 or newer; $python is $("$python" -V). Try: make PYTHON=python3.12" >&2
  exit 1
}
# Debian ships Python without the part that makes virtual environments.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    apt-get -qq update && apt-get -qq -y install "python$version-venv" >/dev/null
  else
    echo "Python cannot make virtual environments here. Run: sudo apt-get install python$version-venv" >&2
    exit 1
  fi
fi
"$python" -m venv "$directory"
