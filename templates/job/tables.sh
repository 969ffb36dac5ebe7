# shellcheck shell=bash disable=SC2034,SC2154
# The cells of a row. Facts: folder chunk_size

# Lines per file of a table; compiler/layout.py has the same number.
readonly TABLE_SHARD=10000
# The number of table lines that are read at once.
readonly AHEAD=100

declare -A ahead=()

# Read the line of a row, and keep the next lines for the next rows.
read_table_line() { # TABLE ROW -> $line
  local lines index
  if [[ -z ${ahead[$1:$2]+read} ]]; then
    mapfile -t -s "$(($2 % TABLE_SHARD))" -n "$((chunk_size < AHEAD ? chunk_size : AHEAD))" lines \
      <"$1/$(($2 / TABLE_SHARD))" || exit "$EXIT_WORKER"
    for index in "${!lines[@]}"; do ahead[$1:$(($2 + index))]=${lines[index]}; done
  fi
  line=${ahead[$1:$2]-}
  unset "ahead[$1:$2]"
}

# Split the line of a row into cells. A byte 1F ends each cell. In a cell \ is \\, a newline \n and a byte 1F \0037.
read_cells() { # ROW -> $cells
  local IFS=$'\x1f' line index
  read_table_line "batch/steps/$folder/rows" "$1"
  # shellcheck disable=SC2206  # the line is split at the bytes 1F
  cells=($line)
  [[ $line == *\\* ]] || return 0
  for index in "${!cells[@]}"; do
    printf -v "cells[$index]" '%b' "${cells[index]}"
  done
}
