# shellcheck shell=bash disable=SC2034,SC2154
# Wait for the parents of a row. Facts: needs folder own row

# The seconds to wait for the record of a finished parent, because network file systems show it late.
readonly PATIENCE=${REANA_BATCH_PATIENCE:-60}

# needs holds "PATTERN COUNT FOLDER" for each parent. PATTERN is all, each, or a table with one line for each row.
check_parents() { # ROW
  local need words line
  # Without the records of other jobs. The scheduler has waited for the parents.
  [[ -z ${REANA_BATCH_ALONE:-} ]] || return 0
  for need in "${needs[@]}"; do
    # shellcheck disable=SC2206  # the words of the need
    words=($need)
    case ${words[0]} in
      all) await_all "${words[2]}" "${words[1]}" ;;
      each) await_row "${words[2]}" "${words[1]}" "$1" ;;
      *)
        read_table_line "batch/steps/$folder/${words[0]}" "$1"
        await_rows "${words[2]}" "${words[1]}" "$line"
        ;;
    esac || { skip_row "${words[2]}"; return; }
  done
}

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

await_rows() { # FOLDER COUNT ROWS
  local parent_row
  for parent_row in $3; do
    await_row "$1" "$2" "$parent_row" || return
  done
}

skip_row() { # FOLDER
  say "row $row: not started because $1 is not done"
  write_skipped "$own" parent "$1" || lose_record "state/$folder/$own.skipped"
  return "$EXIT_PARENT"
}
