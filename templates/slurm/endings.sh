# shellcheck shell=bash disable=SC2034,SC2154
# The records of rows that could not write their own: Slurm ended their job, or never started it.
#
# Facts: ended (as look sets it)

# Write the records of the rows that were running when Slurm ended their jobs.
record_endings() {
  local each job array raw state reason key first folder rows size needs chunks
  local -A noted=()
  read_journal
  for each in "${ended[@]}"; do
    read -r job array raw state reason <<<"$each"
    read -r key first folder rows size needs <<<"${noted[$array]}"
    set_chunks "$job" "$first"
    # squeue shows elements that never started on one line.
    if [[ $job == *[[]* ]]; then record_skipped scancel "$job"; else record_chunk "${chunks[0]}"; fi
  done
}

# Write the record of the row that a chunk was at when Slurm ended its job. A job that had time to write that it got a
# signal did not know why.
record_chunk() { # CHUNK
  local stem at_row command_number started record_host scheduler_job code cause
  set_stem "$(($1 * size))" "$rows"
  read_started "$stem"
  [[ $at_row =~ ^[0-9]+$ ]] || return 0
  set_stem "$at_row" "$rows"
  [[ ! -e state/$folder/$stem.done ]] || return 0
  [[ ! -e state/$folder/$stem.failed ]] || grep -q '^detail=SIG' "state/$folder/$stem.failed" || return 0
  set_cause
  keep_script "$1" "$stem"
  write_failed "$stem" "$code" signal "$cause"
}

# Why Slurm ended the job, and the exit code that goes with it.
set_cause() { # -> $cause $code
  code=143
  case $state in
    TIMEOUT) cause="its time limit" ;;
    DEADLINE) cause="its deadline" ;;
    OUT_OF_MEMORY) code=137 cause="its memory limit" ;;
    NODE_FAIL | BOOT_FAIL) cause="the failure of its node" ;;
    PREEMPTED) cause="preemption" ;;
    CANCELLED) cause="scancel" ;;
    *)
      code=137 cause="SIGKILL"
      ! grep -qsE "StepId=($raw|$job)\\..*exceeded memory limit" "logs/$folder/slurm.out" || cause="its memory limit"
      ;;
  esac
}

# Write that rows will never start, so that jobs which may start without them do not wait for their records.
record_skipped() { # parent|scancel JOB...
  local reason=$1 job key first folder rows size needs chunks chunk row stem record
  local -A noted=()
  read_journal
  shift
  for job; do
    read -r key first folder rows size needs <<<"${noted[${job%%_*}]}"
    set_chunks "$job" "$first"
    for chunk in "${chunks[@]}"; do
      for ((row = chunk * size; row < (chunk + 1) * size && row < rows; row++)); do
        set_stem "$row" "$rows"
        record=state/$folder/$stem
        [[ -e $record.done || -e $record.failed || -e $record.skipped ]] ||
          write_skipped "$stem" "$reason" ''
      done
    done
  done
}

read_journal() { # -> $noted
  local id each
  while read -r id each; do noted[$id]=$each; done <"$JOURNAL"
}

# The chunks of a job that squeue names ID, ID_5, ID_[0-3,7] or ID_[0-8:2%5].
set_chunks() { # JOB FIRST -> $chunks
  local part elements=${1##*_} start end stride index
  chunks=("$2")
  [[ $1 == *_* ]] || return 0
  chunks=()
  elements=${elements#[}
  elements=${elements%%[]%]*}
  for part in ${elements//,/ }; do
    stride=1
    [[ $part != *:* ]] || stride=${part#*:} part=${part%:*}
    start=${part%-*} end=${part#*-}
    for ((index = start; index <= end; index += stride)); do chunks+=("$(($2 + index))"); done
  done
}
