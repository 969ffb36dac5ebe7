#!/bin/bash
# Put the squares and the factors of the same numbers side by side: table.sh SQUARES FACTORS
set -eu

printf '%6s  %10s  %s\n' number square factors
paste -d ' ' "$1" "$2" | while read -r number square repeated factors; do
  if [[ $repeated != "$number:" ]]; then
    printf 'table.sh: %s stands beside %s\n' "$number" "$repeated" >&2
    exit 1
  fi
  printf '%6d  %10d  %s\n' "$number" "$square" "${factors// / x }"
done
