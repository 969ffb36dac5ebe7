# shellcheck shell=bash disable=SC2034,SC2154
# The records of rows. Only this file writes .started, .done, .failed and .skipped. So a record is the same if the job
# itself, a node of another system's graph, or Slurm's finaliser writes it.
#
# Facts: folder command_number started record_host scheduler_job; in a job also row own chunk chunk_stem used;
# row_end of a row that ended before its record is written

# The job script's own exit codes, as in compiler/run/reasons.py. A command's code passes through unchanged. The record
# says which of the two a code is.
readonly EXIT_PARENT=91 EXIT_WRITE=92 EXIT_OUTPUT=93 EXIT_WORKER=94

# How often to try to create a file that another process creates too.
readonly CREATE_TRIES=10

declare -A written=()

# Write a new file, and delete an old one first. With noclobber bash opens it with O_EXCL. So bash never writes through
# a link that another process has just made. If a job was started twice, both may write the file at the same moment, and
# each deletes the file of the other. So it tries several times.
create() { # FILE TEXT -> $bytes
  local left=$CREATE_TRIES code=0
  set -C
  while ! printf '%s%n' "$2" bytes 2>/dev/null >"$1"; do
    rm -f "$1" || { code=1; break; }
    ((--left > 0)) || { printf '%s%n' "$2" bytes >"$1" || code=1; break; }
  done
  set +C
  return "$code"
}

# Write a file that every row of the chunk writes again. It is truncated only if the new text is shorter, because
# truncating takes as long as creating a file.
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

# Write which row and command the chunk is running, since when and on which host. The file is written in place, because
# it matters only for jobs that run or were killed.
write_started() { # COMMAND
  noted_command=$1
  overwrite "state/$folder/$chunk_stem.started" "row=$row
command=$1
started=$started
host=$record_host
scheduler_job=$scheduler_job
attempt=${REANA_BATCH_ATTEMPT:-1}
" || { say "row $row: state/$folder is not writable"; exit "$EXIT_WRITE"; }
}

# Read the .started file of a chunk. If it never started, the values are empty, and the command number is 1.
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

# The file's existence is the record, so it is written in place. A rename would start one mv per row, which takes as long
# as a short row.
write_done() {
  local ended file=state/$folder/$own.done
  printf -v ended '%(%s)T' -1
  create "$file" "exit_code=0
started=$started
ended=$ended
host=$record_host
scheduler_job=$scheduler_job
${used-}" || lose_record "$file"
}

# Write the record of a row that failed. The record is written to another name and renamed, so it is never incomplete.
# If row_end is set, the row ended then, or at an unknown time if it is empty.
write_failed() { # STEM CODE REASON DETAIL
  local ended=${row_end-} bytes file=state/$folder/$1.failed
  [[ -n ${row_end+known} ]] || printf -v ended '%(%s)T' -1
  create "$file.$$.tmp" "exit_code=$2
reason=$3
detail=$4
command=$command_number
started=$started
ended=$ended
host=$record_host
scheduler_job=$scheduler_job
${used-}" && mv -fT "$file.$$.tmp" "$file"
}

# Record why a row was not started, so that rows stop waiting for it.
write_skipped() { # STEM REASON DETAIL
  local bytes
  create "state/$folder/$1.skipped" "reason=$2
detail=$3
"
}

# Keep the script that was assembled for a row that failed.
keep_script() { # CHUNK STEM
  [[ ! -e state/$folder/running-$1 ]] || mv -fT "state/$folder/running-$1" "state/$folder/$2.command"
}

# Delete the records of an earlier attempt at a row.
forget_failure() { # STEM
  rm -f "state/$folder/$1.failed" "state/$folder/$1.skipped" "state/$folder/$1.command"
}

# Write the record of the current row. Returns the given exit code.
fail_row() { # CODE REASON [DETAIL]
  write_failed "$own" "$1" "$2" "${3-}" || lose_record "state/$folder/$own.failed"
  say "row $row: failed: $2 ${3-} (exit code $1)"
  return "$1"
}
