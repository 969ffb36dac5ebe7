# shellcheck shell=bash disable=SC2034,SC2154
# Check the parents of a row. Facts: needs folder own row

# needs holds "PATTERN COUNT FOLDER [EXPANSION]" for each parent. PATTERN is all, each, or a table with one line for each
# row. EXPANSION is what the parent compiles, if the row waits for that too.
check_parents() { # ROW
  local need words line
  # Without the records of other jobs. The scheduler has waited for the parents.
  [[ -z ${REANA_BATCH_ALONE:-} ]] || return 0
  for need in "${needs[@]}"; do
    # shellcheck disable=SC2206  # the words of the need
    words=($need)
    case ${words[0]} in
      all) await_whole "${words[@]:1}" ;;
      each) await_row "${words[2]}" "${words[1]}" "$1" ;;
      *)
        read_table_line "batch/steps/$folder/${words[0]}" "$1"
        await_rows "${words[2]}" "${words[1]}" "$line"
        ;;
    esac || { skip_row "${words[2]}"; return; }
  done
}

skip_row() { # FOLDER
  say "row $row: not started because $1 is not done"
  write_skipped "$own" parent "$1" || lose_record "state/$folder/$own.skipped"
  return "$EXIT_PARENT"
}
