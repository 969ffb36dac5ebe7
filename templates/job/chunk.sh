# shellcheck shell=bash disable=SC2034,SC2154
# Run the rows of a job's chunk, one after the other.
#
# Facts: step origin folder row_count chunk_size has_table row_time_limit needs; credentials, server
# and row_directories, if not empty

row=
worker_ready=

# Run the rows of a chunk. A row that fails does not stop the others.
run_chunk() { # CHUNK
  chunk=$1
  local first=$((chunk * chunk_size)) last failure=0 code each
  last=$((first + chunk_size < row_count ? first + chunk_size : row_count))
  set_stem "$first" "$row_count"
  chunk_stem=$stem
  for ((each = first; each < last; each++)); do
    [[ -z ${row_directories-} ]] || (((each - first) % SHARD)) || make_row_directories "$each" "$last"
    run_row "$each"
    code=$?
    row=
    ((failure != 0)) || failure=$code
  done
  [[ -z ${server-} ]] || ((failure != 0)) || clear_earlier
  [[ ! -e state/$folder/running-$chunk ]] || rm -f "state/$folder/running-$chunk"
  return "$failure"
}

# Bash copies a function at each call, so rows call only what their step needs.
run_row() { # ROW
  local code own lacking='' blamed=output started='' command_number=0 cells=() command_start=$SECONDS used=''
  set_stem "$1" "$row_count"
  own=$stem row=$1
  make_folders "state/$folder/$own" "logs/$folder/$own"
  [[ ! -e state/$folder/$own.done ]] || return 0
  [[ ${#needs[@]} -eq 0 ]] || check_parents "$row" || return
  [[ ! -e state/$folder/$own.failed && ! -e state/$folder/$own.skipped ]] ||
    forget_failure "$own"
  printf -v started '%(%s)T' -1
  export REANA_BATCH_ATTEMPT=$((1 + ${REANA_BATCH_TRIED:-0}))
  write_started 1
  [[ ! -L logs/$folder/$own.out ]] || rm -f "logs/$folder/$own.out"
  [[ ! -L logs/$folder/$own.err ]] || rm -f "logs/$folder/$own.err"
  if ! : >>"logs/$folder/$own.out" || ! : >>"logs/$folder/$own.err"; then
    say "row $row: logs/$folder is not writable"
    exit "$EXIT_WRITE"
  fi
  if [[ -n ${credentials+asked} ]] && ! prepare_credentials; then
    fail_row "$EXIT_CREDENTIAL" credential "$lacking"
    return
  fi
  [[ -n $worker_ready ]] || { check_cvmfs && check_python && check_programs && set_workspace_path && set_measure && set_launcher &&
    worker_ready=yes; } ||
    { fail_row "$?" worker "$lacking"; return; }
  [[ $has_table == no ]] || read_cells "$row"
  run_attempts
  code=$?
  end_usage
  if ((code == 0)); then write_done
  elif [[ -n $lacking ]]; then fail_row "$code" "$blamed" "$lacking"
  elif [[ -n $row_time_limit ]] && timed_out "$code"; then fail_row "$code" timeout "after $row_time_limit s"
  elif [[ $code == 137 ]] && killed_for_memory; then fail_row "$code" signal "its memory limit"
  elif [[ -z ${server-} && ($code == 255 || $code == 1) ]] && container_failed "$code"; then fail_row "$EXIT_WORKER" worker "$lacking"
  else fail_row "$code" command
  fi
}

# Make the directories of the next rows in the workspace, because a call of mkdir for each row takes as long as a short row.
# What cannot be made is an error of its row, which renews its directory.
make_row_directories() { # FIRST LAST
  local each own made=()
  for ((each = $1; each < $2 && each < $1 + SHARD; each++)); do
    set_stem "$each" "$row_count"
    own=$REANA_WORKSPACE/$row_directories/$stem
    [[ -e $own || -L $own ]] || made+=("$own")
  done
  [[ ${#made[@]} -eq 0 ]] || mkdir -p -- "${made[@]}" 2>/dev/null
}

make_folders() { # STATE-STEM LOG-STEM
  [[ -d ${1%/*} && -d ${2%/*} ]] || mkdir -p "${1%/*}" "${2%/*}" ||
    { say "${1%/*} or ${2%/*} cannot be made"; exit "$EXIT_WRITE"; }
}

# Called by the traps of main.sh.
on_signal() { # NAME NUMBER
  trap '' TERM INT HUP XCPU USR1 USR2
  [[ -z $server_pid ]] || kill -TERM -- "-$server_pid" 2>/dev/null
  if [[ -n $child ]]; then
    kill -TERM -- "-$child" 2>/dev/null
    wait "$child" 2>/dev/null
    note_memory
  fi
  if [[ -n $row ]]; then
    keep_script "$chunk" "$own"
    end_usage
    fail_row "$((128 + $2))" signal "SIG$1"
  fi
  exit "$((128 + $2))"
}

# The trap of main.sh calls this when the job ends.
leave() {
  local code=$?
  ! declare -F drop_credentials >/dev/null || drop_credentials
  end_measure
  [[ -z $server_pid$serving ]] || leave_server
  [[ -z $scratch ]] || clear_away "$scratch"
  [[ -z $shelf ]] || clear_away "$shelf"
  exit "$code"
}
