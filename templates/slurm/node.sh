# shellcheck shell=bash
# A node of another system's graph that hands jobs to Slurm and waits for them, on the machine where that graph is
# kept: bash 4.4, coreutils and Slurm's own tools. submit-lib.sh is read before. The working directory is the run
# directory.
#
# The node may be killed at any moment and started again. What it has handed in stands in $under_way, and the
# comment of the job begins with the token that stands there; a job is held until its id is written down. So it is
# never handed in twice. Whether rows are done, their records say; Slurm is asked now and then for jobs that ended
# in another way.
# shellcheck disable=SC2034  # submit-lib.sh reads some of what is set here

# Seconds between two looks at the records, and between two questions to Slurm at the most.
readonly LOOK=2 MOST_PAUSE=60
# How long to wait for the records of jobs that have ended: network file systems show them late.
readonly PATIENCE=${REANA_BATCH_PATIENCE:-60}

declare -A alive=() waiting=() gone=()
dead=() ended=() found=() id='' token='' progress='' failed='' trouble=''

run_node() { # NAME FOLDER FIRST-CHUNK MOST-CHUNKS ROWS CHUNK-SIZE
  folder=$2 first=$3 most=$4 rows=$5 size=$6
  key=$1/$first under_way=state/$folder/node-$first
  complaint=$under_way.complaint
  last_row=$(((first + most) * size < rows ? (first + most) * size : rows))
  clean_environment
  # What the system that keeps the graph tells its jobs of itself is no business of Slurm's.
  unset "${!_CONDOR_@}" "${!_condor_@}" CONDOR_ID
  trap cancel_node USR1
  trap 'exit 143' TERM INT HUP
  take_up
  look_from_start
  if [[ -n $token ]] || ! all_done; then
    hand_in
    await_end
  fi
  conclude
}

# A signal ends it at once.
pause() { # SECONDS
  sleep "$1" &
  wait "$!"
}

double() { wait=$((wait * 2 < MOST_PAUSE ? wait * 2 : MOST_PAUSE)); }

# Call one of Slurm's tools until Slurm answers, whatever it says.
insist() { # COMMAND...
  local code wait=1
  until slurm "$@" 2>"$complaint"; do
    code=$?
    no_answer "$code" || return "$code"
    pause "$wait"
    double
  done
}

# --- handing in ---------------------------------------------------------------------------------------

# Write down TOKEN ID PROGRESS. ID is - until Slurm has answered; PROGRESS is asked, accepted, released or cancelled.
note() { # PROGRESS
  progress=$1
  { printf '%s %s %s\n' "$token" "${id:--}" "$progress" >"$under_way.tmp" && mv -f "$under_way.tmp" "$under_way"; } ||
    { say "$under_way cannot be written (disk full? quota?)"; exit 92; }
}

forget() {
  rm -f "$under_way" "$complaint"
  id='' token='' progress=''
}

# Go on with what an earlier life of this node has handed in. What it has cancelled must be gone first.
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

# Look for the job by its comment. What Slurm accepts after that is a duplicate, and is held for ever.
find_again() {
  local wait=1
  until list_accepted 2>"$complaint"; do
    pause "$wait"
    double
  done
  : >"$UNANSWERED"
  find_accepted "$key" || id=
}

hand_in() {
  if [[ -z $token ]]; then
    forget_failures
    new_token
    note asked
  fi
  [[ -n $id ]] || submit_held
  [[ $progress != asked ]] || note accepted
  grep -qs "^$id " "$JOURNAL" || note_job "$key" "$first" "$folder" "$rows" "$size" - || exit 92
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

# What failed or was skipped in an earlier attempt is about to be run again.
forget_failures() {
  local row stem
  for ((row = first * size; row < last_row; row++)); do
    set_stem "$row" "$rows"
    [[ ! -e state/$folder/$stem.failed && ! -e state/$folder/$stem.skipped ]] ||
      rm -f "state/$folder/$stem.failed" "state/$folder/$stem.skipped" "state/$folder/$stem.command"
  done
}

# Removed or held: the jobs must go as well.
# shellcheck disable=SC2329  # called by a trap
cancel_node() {
  trap '' USR1 TERM INT HUP
  if [[ -n $token ]]; then
    [[ -n $id ]] || find_again
    note cancelled
    [[ -z $id ]] || insist scancel --quiet "$id"
  fi
  exit 143
}

# --- waiting ------------------------------------------------------------------------------------------

# Has every row a record? Goes on where it stopped, and notes in $failed that a row has failed or was skipped.
all_recorded() {
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
    # A row that has failed may start again with its job, after a node failure or preemption.
    if [[ -n $failed && -z $over ]] && ((next_row == last_row)); then over=yes wait=$LOOK due=$SECONDS; fi
    if ((SECONDS >= due)); then
      if ! look "$id" || ((${#alive[@]} > 0)); then
        absent=0
        [[ -z $failed ]] || look_from_start
      else
        # Slurm shows a job that it starts again as ended for a moment.
        ((++absent < 2)) || return 0
        wait=$LOOK
      fi
      due=$((SECONDS + wait))
      double
    fi
    pause "$LOOK"
  done
}

# --- the end ------------------------------------------------------------------------------------------

conclude() {
  local code=0 end
  look_from_start
  end=$((SECONDS + PATIENCE))
  # Those that Slurm did not end wrote records, or could not.
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

# The exit code of the first row that failed, in $code; if none did, that of rows whose parents are not done.
set_code() {
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
    if grep -qs '^reason=parent' "$record.skipped"; then code=91; else lost=yes; fi
  done
  [[ -z $lost ]] || explain_lost
}

# No row that failed could say so.
explain_lost() {
  local job=- array raw=- state='' reason cause
  code=1
  if ((${#ended[@]} == 0)); then
    record_lost 1 scheduler "lost: Slurm's job $id ended and left no record, see logs/$folder/slurm.out"
  else
    read -r job array raw state reason <<<"${ended[0]}"
    set_cause
    record_lost "$code" signal "$cause"
  fi
}

# Write the record of the first row that has none.
record_lost() { # CODE REASON DETAIL
  local row=$((first * size)) stem record now
  for (( ; row < last_row; row++)); do
    set_stem "$row" "$rows"
    record=state/$folder/$stem
    [[ -e $record.done ]] || break
  done
  printf -v now '%(%s)T' -1
  printf '%s\n' "exit_code=$1" "reason=$2" "detail=$3" command=1 "ended=$now" "scheduler_job=$id" \
    >"$record.failed.tmp" && mv -f "$record.failed.tmp" "$record.failed"
}
