#!/bin/bash
# Read numbers, one per line; write each with its square.
set -eu

while read -r number; do
  printf '%d %d\n' "$number" "$((number * number))"
done
