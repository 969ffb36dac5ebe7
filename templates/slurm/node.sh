# shellcheck shell=bash disable=SC2034,SC2154
# A node of another system's graph. It submits jobs to Slurm and waits for them, on the machine that runs the graph.
#
# The node may be killed at any moment and started again. The file $under_way names its jobs, and the comment of a job
# begins with the token in that file. A job is held until its id is written down. So no job is submitted twice.
# The records show which rows are done. squeue shows, at longer intervals, jobs that ended without a record.

# Seconds between two checks of the records, and the most seconds between two calls of squeue.
readonly LOOK=2 MOST_PAUSE=60

declare -A alive=() waiting=() gone=()
dead=() ended=() found=() progress='' failed=''

run_node() { # NAME FOLDER FIRST-CHUNK MOST-CHUNKS ROWS CHUNK-SIZE
  folder=$2 first=$3 most=$4 rows=$5 size=$6
  key=$1/$first under_way=state/$folder/node-$first
  complaint=$under_way.complaint
  last_row=$(((first + most) * size < rows ? (first + most) * size : rows))
  clean_environment
  # Remove HTCondor's variables, so that Slurm jobs do not inherit them.
  unset "${!_CONDOR_@}" "${!_condor_@}" CONDOR_ID
  trap cancel_node USR1
  trap 'exit 143' TERM INT HUP
  take_up
  look_from_start
  if [[ -n $token ]] || ! all_done; then
    submit_jobs
    await_end
  fi
  conclude
}

# A pause that a signal ends at once.
pause() { # SECONDS
  sleep "$1" &
  wait "$!"
}

double() { wait=$((wait * 2 < MOST_PAUSE ? wait * 2 : MOST_PAUSE)); }

# Call one of Slurm's tools until Slurm answers. A refusal counts as an answer.
insist() { # COMMAND...
  local code wait=1
  until slurm "$@" 2>"$complaint"; do
    code=$?
    no_answer "$code" || return "$code"
    pause "$wait"
    double
  done
}

# Write down TOKEN ID PROGRESS. ID is - until Slurm has answered; PROGRESS is asked, accepted, released or cancelled.
note() { # PROGRESS
  progress=$1
  { printf '%s %s %s\n' "$token" "${id:--}" "$progress" >"$under_way.tmp" && mv -f "$under_way.tmp" "$under_way"; } ||
    { say "$under_way cannot be written (disk full? quota?)"; exit "$EXIT_WRITE"; }
}

forget() {
  rm -f "$under_way" "$complaint"
  id='' token='' progress=''
}

# Continue with the job that this node submitted before it was killed. A cancelled job must be gone first.
take_up() {
  [[ -e $under_way ]] || return 0
  read -r token id progress <"$under_way"
  [[ $id != - ]] || find_again
  say "$key: started again, and found ${id:-no job} in Slurm ($progress)"
  [[ $progress == cancelled ]] || return 0
  if [[ -n $id ]]; then
    insist scancel --quiet "$id"
    until look "$id" && ((${#alive[@]} == 0)); do pause "$LOOK"; done
  fi
  forget
}

# Find the job by its comment. A job that Slurm accepts later is a duplicate. It stays held until it is cancelled.
find_again() {
  local wait=1
  until list_accepted 2>"$complaint"; do
    pause "$wait"
    double
  done
  : >"$UNANSWERED"
  find_accepted "$key" || id=
}

submit_jobs() {
  if [[ -z $token ]]; then
    forget_failures
    new_token
    note asked
  fi
  [[ -n $id ]] || submit_held
  [[ $progress != asked ]] || note accepted
  grep -qs "^$id " "$JOURNAL" || note_job "$key" "$first" "$folder" "$rows" "$size" - || exit "$EXIT_WRITE"
  [[ $progress == released ]] || insist scontrol release "$id"
  note released
}

submit_held() {
  local options=(--hold) indices wait=1
  if ((rows > size)); then
    set_indices "$folder" "$first" "$(((last_row - first * size + size - 1) / size))" "$rows" "$size"
    options+=("--array=$indices")
  fi
  until call_sbatch "$key" "logs/$folder/slurm.out" "${options[@]}" "batch/steps/$folder/job.sbatch" "$first"; do
    if [[ $trouble == "sbatch refused"* ]]; then
      say "$trouble"
      record_lost 1 scheduler "refused by Slurm: $(tail -n 1 "$complaint")"
      forget
      exit 1
    fi
    pause "$wait"
    double
    find_again
    [[ -z $id ]] || return 0
  done
}

# Delete the records of rows that failed or were skipped, because they are about to run again.
forget_failures() {
  local row stem
  for ((row = first * size; row < last_row; row++)); do
    set_stem "$row" "$rows"
    [[ ! -e state/$folder/$stem.failed && ! -e state/$folder/$stem.skipped ]] ||
      forget_failure "$stem"
  done
}

# Called by a trap when the node is removed or held: cancel its jobs too.
cancel_node() {
  trap '' USR1 TERM INT HUP
  if [[ -n $token ]]; then
    [[ -n $id ]] || find_again
    note cancelled
    [[ -z $id ]] || insist scancel --quiet "$id"
  fi
  exit 143
}

# Does every row have a record? Continues at the row where it stopped last time.
all_recorded() { # -> $failed, if a row failed or was skipped
  local stem record
  for (( ; next_row < last_row; next_row++)); do
    set_stem "$next_row" "$rows"
    record=state/$folder/$stem
    [[ ! -e $record.done ]] || continue
    ls "${record%/*}" >/dev/null 2>&1 # reading the directory makes NFS ask its server again
    [[ -e $record.failed || -e $record.skipped ]] || return
    failed=yes
  done
}

all_done() { all_recorded && [[ -z $failed ]]; }

look_from_start() { next_row=$((first * size)) failed=; }

await_end() {
  local wait=4 due=$((SECONDS + 4)) absent=0 over=
  until all_done; do
    # After a node failure or preemption, Slurm starts the job again, and its failed row too.
    if [[ -n $failed && -z $over ]] && ((next_row == last_row)); then over=yes wait=$LOOK due=$SECONDS; fi
    if ((SECONDS >= due)); then
      if ! look "$id" || ((${#alive[@]} > 0)); then
        absent=0
        [[ -z $failed ]] || look_from_start
      else
        # When Slurm starts a job again, it shows the job as ended for a moment.
        ((++absent < 2)) || return 0
        wait=$LOOK
      fi
      due=$((SECONDS + wait))
      double
    fi
    pause "$LOOK"
  done
}

conclude() {
  local code=0 end
  look_from_start
  end=$((SECONDS + PATIENCE))
  # A job that Slurm did not end has written its records, unless it could not.
  until all_recorded || ((${#ended[@]} > 0 || SECONDS >= end)); do pause 1; done
  look_from_start
  if ! all_done; then
    record_endings
    set_code
  fi
  [[ ! -e $UNANSWERED || -z $token ]] || cancel_duplicates
  forget
  exit "$code"
}

# Set the exit code of the first failed row. If none failed, set the code of rows whose parents are not done.
set_code() { # -> $code
  local row stem record lost=
  for ((row = first * size; row < last_row; row++)); do
    set_stem "$row" "$rows"
    record=state/$folder/$stem
    [[ ! -e $record.done ]] || continue
    if [[ -e $record.failed ]]; then
      code=$(sed -n 's/^exit_code=//p' "$record.failed")
      code=${code:-1}
      return
    fi
    if grep -qs '^reason=parent' "$record.skipped"; then code=$EXIT_PARENT; else lost=yes; fi
  done
  [[ -z $lost ]] || explain_lost
}

# Record why rows have no record.
explain_lost() { # -> $code
  local job=- array raw=- state='' reason end='' cause row_end
  code=1
  if ((${#ended[@]} == 0)); then
    record_lost 1 scheduler "lost: Slurm's job $id ended and left no record, see logs/$folder/slurm.out"
  else
    read -r job array raw state reason end <<<"${ended[0]}"
    set_cause
    set_end
    record_lost "$code" signal "$cause"
  fi
}

# Write the record of the first row that is not done.
record_lost() { # CODE REASON DETAIL
  local row=$((first * size)) stem at_row command_number started record_host scheduler_job
  for (( ; row < last_row; row++)); do
    set_stem "$row" "$rows"
    [[ -e state/$folder/$stem.done ]] || break
  done
  set_stem "$((row - row % size))" "$rows"
  read_started "$stem"
  [[ $at_row == "$row" ]] || command_number=1 started='' record_host='' scheduler_job=$id
  set_stem "$row" "$rows"
  keep_script "$((row / size))" "$stem"
  write_failed "$stem" "$@"
}
