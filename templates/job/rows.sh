# shellcheck shell=bash disable=SC2034,SC2154
# The paths of a row's files. compiler/layout.py has the same number and the same rule.

# Rows per directory.
readonly SHARD=250

# Set the path of a row below its step's folder, without a suffix.
set_stem() { # ROW COUNT -> $stem
  if (($2 <= SHARD)); then stem=$1
  elif (($2 <= SHARD * 1000)); then stem=$(($1 / SHARD))/$1
  else stem=$(($1 / SHARD / 1000))/$(($1 / SHARD))/$1
  fi
}
