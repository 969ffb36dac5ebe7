#!/bin/bash
# install-programs.sh: install the programs that tests use, if this machine allows it: the shells whose completion is tested,
# and GNU time. Otherwise say what is left out.
set -euo pipefail
declare -A tests=([zsh]="the completion of zsh" [fish]="the completion of fish" [time]="the memory that GNU time measures")
declare -A paths=([zsh]=zsh [fish]=fish [time]=/usr/bin/time) # time is also a word of bash
missing=()
for program in zsh fish time; do
  type -P "${paths[$program]}" >/dev/null || missing+=("$program")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  timeout 120 apt-get -qq update >/dev/null 2>&1 || true
  timeout 120 apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || true
fi
for program in "${missing[@]}"; do
  type -P "${paths[$program]}" >/dev/null ||
    echo "LEFT OUT: ${tests[$program]}. $program is not here, and could not be installed. As root: apt-get install $program"
done
