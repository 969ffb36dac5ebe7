# shellcheck shell=bash disable=SC2034,SC2154
# The records of rows. No other file writes .started, .done, .failed or .skipped: a record is the same, whether the job
# itself writes it, a node of another system's graph, or Slurm's finaliser.
#
# Facts: folder command_number started record_host scheduler_job; of a job also row own chunk chunk_stem

# Exit codes of our own, as in compiler/run/reasons.py. A command's own code passes through. The record tells the two
# apart.
readonly EXIT_PARENT=91 EXIT_WRITE=92 EXIT_OUTPUT=93 EXIT_WORKER=94

declare -A written=()

# Write a new file. noclobber makes bash open it with O_EXCL, so that it never writes through a link that was put there
# in the same moment. A file that is in its place is deleted first.
create() { # FILE TEXT -> $bytes
  local code=0
  set -C
  printf '%s%n' "$2" bytes 2>/dev/null >"$1" || { rm -f "$1" && printf '%s%n' "$2" bytes >"$1"; } || code=$?
  set +C
  return "$code"
}

# Write a file again that every row of the chunk writes. It is cut off only where the new text is shorter, because that
# takes as long as making a file.
overwrite() { # FILE TEXT
  local bytes=0
  if [[ -z ${written[$1]-} || -L $1 ]]; then # a command may have put a link there
    create "$1" "$2" || return
  else
    printf '%s%n' "$2" bytes 1<>"$1" || return
    ((bytes > 0 && bytes >= written[$1])) || printf '%s%n' "$2" bytes >"$1" || return
  fi
  written[$1]=$bytes
}

lose_record() { # FILE
  rm -f "$1" "$1.$$.tmp"
  say "row $row: the record $1 cannot be written (disk full? quota?)"
  exit "$EXIT_WRITE"
}

# Write which row and command the chunk is at, since when and where. It is written in place: only readers of a job that
# still runs, or was killed, need it.
write_started() { # COMMAND
  noted_command=$1
  overwrite "state/$folder/$chunk_stem.started" "row=$row
command=$1
started=$started
host=$record_host
scheduler_job=$scheduler_job
" || { say "row $row: state/$folder is not writable"; exit "$EXIT_WRITE"; }
}

# Read what a job wrote last. All are empty if it never started, and the command is the first.
read_started() { # STEM -> $at_row $command_number $started $record_host $scheduler_job
  local key value
  at_row='' command_number=1 started='' record_host='' scheduler_job=''
  {
    while IFS='=' read -r key value; do
      case $key in
        row) at_row=$value ;;
        command) command_number=$value ;;
        started) started=$value ;;
        host) record_host=$value ;;
        scheduler_job) scheduler_job=$value ;;
      esac
    done <"state/$folder/$1.started"
  } 2>/dev/null
}

# The file's existence is the record, so it is written in place: a rename would cost one mv per row, as long as a short
# row takes.
write_done() {
  local ended file=state/$folder/$own.done
  printf -v ended '%(%s)T' -1
  create "$file" "exit_code=0
started=$started
ended=$ended
host=$record_host
scheduler_job=$scheduler_job
" || lose_record "$file"
}

# Write the record of a row that did not succeed. It is complete or not there, because it is renamed into its place.
write_failed() { # STEM CODE REASON DETAIL
  local ended bytes file=state/$folder/$1.failed
  printf -v ended '%(%s)T' -1
  create "$file.$$.tmp" "exit_code=$2
reason=$3
detail=$4
command=$command_number
started=$started
ended=$ended
host=$record_host
scheduler_job=$scheduler_job
" && mv -fT "$file.$$.tmp" "$file"
}

# Write why a row was not started, so that rows that wait for it do not wait any longer.
write_skipped() { # STEM REASON DETAIL
  local bytes
  create "state/$folder/$1.skipped" "reason=$2
detail=$3
"
}

# Keep the script that was put together for a row that failed.
keep_script() { # CHUNK STEM
  [[ ! -e state/$folder/running-$1 ]] || mv -fT "state/$folder/running-$1" "state/$folder/$2.command"
}

# Delete the records of an earlier attempt at a row.
forget_failure() { # STEM
  rm -f "state/$folder/$1.failed" "state/$folder/$1.skipped" "state/$folder/$1.command"
}

# Write the record of the row that this job is at. Returns the exit code that it was given.
fail_row() { # CODE REASON [DETAIL]
  write_failed "$own" "$1" "$2" "${3-}" || lose_record "state/$folder/$own.failed"
  say "row $row: failed: $2 ${3-} (exit code $1)"
  return "$1"
}
