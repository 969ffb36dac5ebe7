# shellcheck shell=bash disable=SC2034,SC2154
# Write the records of rows whose job could not, because Slurm ended it or never started it.
#
# Facts: ended (set by look)

# Write the records of the rows that were running when Slurm ended their jobs.
record_endings() {
  local each job array raw state reason end key first folder rows size needs chunks
  local -A noted=()
  read_journal
  for each in "${ended[@]}"; do
    read -r job array raw state reason end <<<"$each"
    read -r key first folder rows size needs <<<"${noted[$array]}"
    set_chunks "$job" "$first"
    # squeue shows elements that never started on one line.
    if [[ $job == *[[]* ]]; then record_skipped scancel "$job"; else record_chunk "${chunks[0]}"; fi
  done
}

# Write the record of the row that a chunk was running when Slurm ended its job. The job may have recorded a signal, but
# it did not know the reason, so this record replaces that one.
record_chunk() { # CHUNK
  local stem at_row command_number started record_host scheduler_job code cause used row_end
  set_stem "$(($1 * size))" "$rows"
  read_started "$stem"
  [[ $at_row =~ ^[0-9]+$ ]] || return 0
  set_stem "$at_row" "$rows"
  [[ ! -e state/$folder/$stem.done ]] || return 0
  [[ ! -e state/$folder/$stem.failed ]] || grep -q '^detail=SIG' "state/$folder/$stem.failed" || return 0
  set_cause
  keep_use "state/$folder/$stem.failed"
  [[ -n $row_end ]] || set_end
  keep_script "$1" "$stem"
  write_failed "$stem" "$code" signal "$cause"
}

# Keep what the job wrote down of its end and of its use.
keep_use() { # FILE -> $row_end $used
  local key value
  row_end='' used=''
  {
    while IFS='=' read -r key value; do
      case $key in
        ended) row_end=$value ;;
        attempt | cpu | memory | memory_of) used+="$key=$value"$'\n' ;;
      esac
    done <"$1"
  } 2>/dev/null
}

# Set when Slurm ended the job, which is long ago if others still ran. squeue prints the local time.
set_end() { # -> $row_end
  row_end=
  [[ ${end##* } != *T* ]] || row_end=$(date -d "${end##* }" +%s 2>/dev/null)
}

# Set the reason why Slurm ended the job, and the exit code for it.
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

# Record that rows will never start, so that other jobs do not wait for their records.
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

# Set the chunks of a job. squeue names it ID, ID_5, ID_[0-3,7] or ID_[0-8:2%5].
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
