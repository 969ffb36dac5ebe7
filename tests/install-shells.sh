#!/bin/bash
# install-shells.sh: install the shells whose completion is tested, if this machine allows it. Otherwise say what is left out.
set -euo pipefail
missing=()
for shell in zsh fish; do
  command -v "$shell" >/dev/null || missing+=("$shell")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  timeout 120 apt-get -qq update >/dev/null 2>&1 || true
  timeout 120 apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || true
fi
for shell in "${missing[@]}"; do
  command -v "$shell" >/dev/null ||
    echo "LEFT OUT: the completion of $shell. It is not here, and could not be installed. As root: apt-get install $shell"
done
