# shellcheck shell=bash disable=SC2034,SC2154
# Wait for the records of rows that other jobs write.

# The seconds to wait for the record of a finished parent, because network file systems show it late.
readonly PATIENCE=${REANA_BATCH_PATIENCE:-60}

# Is the row of the parent done? Looks again for PATIENCE seconds before it fails.
await_row() { # FOLDER COUNT ROW
  local stem waited=0 record
  set_stem "$3" "$2"
  record=state/$1/$stem
  until [[ -e $record.done ]]; do
    ls "${record%/*}" >/dev/null 2>&1 # reading the directory makes NFS ask its server again
    [[ ! -e $record.done ]] || return 0
    ((waited++ < PATIENCE)) && [[ ! -e $record.failed && ! -e $record.skipped ]] || return 1
    sleep 1
  done
}

await_all() { # FOLDER COUNT
  local first
  [[ ! -e state/$1/complete ]] || return 0
  for ((first = 0; first < $2; first += SHARD)); do
    await_shard "$1" "$2" "$first" "$((first + SHARD < $2 ? first + SHARD : $2))" || return
  done
  create "state/$1/complete" ''
}

# Wait for the rows of one directory. It is read once if all are done.
await_shard() { # FOLDER COUNT FIRST END
  local stem records parent_row
  set_stem "$3" "$2"
  stem=state/$1/$stem
  set +f
  records=("${stem%/*}"/*.done)
  set -f
  [[ ! -e ${records[0]} || ${#records[@]} -ne $(($4 - $3)) ]] || return 0
  for ((parent_row = $3; parent_row < $4; parent_row++)); do
    await_row "$1" "$2" "$parent_row" || return
  done
}

# Wait for all rows of a step. If it compiles an expansion, wait for all rows of that too.
await_whole() { # COUNT FOLDER [EXPANSION]
  await_all "$2" "$1" || return
  [[ -z ${3-} || -e state/$2/expanded ]] && return
  (await_part "expansions/$3") || return
  create "state/$2/expanded" ''
}

# Wait for all rows of the part that an expansion has compiled. Its file steps.txt has the words of await_whole.
await_part() { # FOLDER
  local waited=0 words
  until [[ -e $1/batch/steps.txt ]]; do
    ls "$1" >/dev/null 2>&1
    ((waited++ < PATIENCE)) || return 1
    sleep 1
  done
  cd "$1" || return
  while read -ra words; do
    await_whole "${words[@]}" || return
  done <batch/steps.txt
}

await_rows() { # FOLDER COUNT ROWS
  local parent_row
  for parent_row in $3; do
    await_row "$1" "$2" "$parent_row" || return
  done
}
