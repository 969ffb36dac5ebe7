# shellcheck shell=bash disable=SC2034,SC2154
# Finalisers: jobs of a run that cancel its jobs which can never start.
#
# Slurm lets a job whose parents failed wait without end (DependencyNeverSatisfied). Its option --kill-on-invalid-dep is
# known to leave runaway jobs.

# Submit the finalisers of one kind. "failure" starts when a job fails that other jobs wait for. "end" starts when all
# jobs have ended that no other job waits for.
submit_finaliser() { # failure|end ID...
  local kind=$1 type='?afternotok' ids
  shift
  [[ $kind == failure ]] || type=,afterany
  while [[ $# -gt 0 ]]; do
    printf -v ids "$type:%s" "${@:1:MOST_CONDITIONS}"
    shift "$(($# < MOST_CONDITIONS ? $# : MOST_CONDITIONS))"
    call_sbatch ".finaliser/$RANDOM$RANDOM" logs/finaliser.out "--dependency=${ids:1}" batch/finaliser.sbatch "$kind" \
      "$token" || return
    accepted+=("$id")
    note_job ".finaliser/$kind" 0 - 0 1 - || { trouble="$JOURNAL is not writable"; return 1; }
  done
}

# Submit missing finalisers again, and print their ids. Each starts at once, and submits another one if needed.
replace_finalisers() { # KIND...
  local kind mine
  clean_environment
  mine=$(cut -d ' ' -f 1 "$JOURNAL" | paste -sd ,)
  token=$(slurm squeue --noheader --format=%k "--jobs=$mine" 2>/dev/null | head -n 1)
  token=${token%%:*}
  for kind; do
    call_sbatch ".finaliser/$RANDOM$RANDOM" logs/finaliser.out batch/finaliser.sbatch "$kind" "$token" ||
      { say "$trouble"; exit "$EXIT_REFUSED"; }
    note_job ".finaliser/$kind" 0 - 0 1 - || exit "$EXIT_WRITE"
    printf '%s\n' "$id"
  done
}

# Cancel jobs that can never start, until none is left. A job that runs or may run can fail later, so another finaliser
# of the same kind is submitted for it.
finalise() { # failure|end TOKEN
  local kind=$1 token=$2 own=$SLURM_JOB_ID pause dead ended
  local -A alive=() waiting=() gone=()
  clean_environment
  # Slurm needs some time to notice that an element waits for a failed one.
  for ((pause = 1; pause <= 64; pause *= 2)); do
    look || { sleep "$pause"; continue; }
    record_endings
    add_descendants
    if [[ ${#dead[@]} -gt 0 ]]; then
      say "cancelling jobs whose parents failed: ${dead[*]}"
      record_skipped parent "${dead[@]}"
      slurm scancel --quiet "${dead[@]}"
      pause=1
    elif [[ ${#alive[@]} -gt 0 || ${#waiting[@]} -eq 0 ]]; then
      break
    fi
    sleep "$pause"
  done
  if [[ ${#alive[@]} -gt 0 ]]; then
    wake_again
  else
    [[ ${#waiting[@]} -eq 0 ]] || slurm scancel --quiet "${!waiting[@]}"
    mapfile -t dead < <(sed -n "/^$own /d; s/ \.finaliser\/[a-z]* .*//p" "$JOURNAL")
    [[ ${#dead[@]} -eq 0 ]] || slurm scancel --quiet --state=PENDING "${dead[@]}"
    cancel_duplicates
    cancel_cut_short
  fi
}

# Call squeue once for the jobs of this run, or for the named ones. Sets:
#   alive    jobs that run or may start
#   waiting  jobs that wait for another job, as squeue names them
#   dead     jobs that can never start
#   ended    jobs that Slurm or a user ended
#   gone     failed jobs: all if the whole job failed, some if elements did
look() { # [ID,...]
  local mine=${1-} answer job array raw state reason end part
  alive=() waiting=() dead=() ended=() gone=()
  [[ -n $mine ]] || mine=$(grep -vF ' .finaliser/' "$JOURNAL" | cut -d ' ' -f 1 | paste -sd ,)
  # Slurm calls a job id invalid when the job ended longer ago than MinJobAge.
  answer=$(slurm squeue --noheader --states=all --format='%i %F %A %T %r %e' "--jobs=$mine" 2>"$complaint") ||
    grep -q 'Invalid job id' "$complaint" || return
  while read -r job array raw state reason end; do
    part=all
    [[ $job != *_* ]] || part=some
    case $state:$reason in
      COMPLETED:* | :*) ;;
      PENDING:DependencyNeverSatisfied) dead+=("$job") gone[$array]=$part ;;
      PENDING:Dependency) waiting[$array]+="$job " ;;
      FAILED:NonZeroExitCode) gone[$array]=$part ;;
      FAILED:* | CANCELLED:* | TIMEOUT:* | DEADLINE:* | OUT_OF_MEMORY:*)
        gone[$array]=$part
        ended+=("$job $array $raw $state $reason $end")
        ;;
      NODE_FAIL:* | BOOT_FAIL:* | PREEMPTED:*) ended+=("$job $array $raw $state $reason $end") ;; # it may start again
      *) alive[$array]=yes ;;
    esac
  done <<<"$answer"
}

# Add to $dead all jobs that wait for a failed one, because Slurm itself finds one level at a time. The journal lists
# parents first. Slurm handles jobs that wait for single elements (aftercorr). afterany does not need a success.
# Other gates count as alive, because they wait for jobs of other journals.
add_descendants() {
  local key first folder rows size needs need
  while read -r id key first folder rows size needs; do
    for need in ${needs//,/ }; do
      case ${gone[${need#*:}]-}:${need%%:*} in
        all:afterok | all:aftercorr | some:afterok)
          gone[$id]=all
          # shellcheck disable=SC2206  # its elements are several words
          dead+=(${waiting[$id]-})
          break
          ;;
      esac
    done
    [[ $key != .gate/* || -z ${waiting[$id]-} || -n ${gone[$id]-} ]] || { alive[$id]=yes; unset "waiting[$id]"; }
  done <"$JOURNAL"
}

# Submit a finaliser that starts when the jobs that still run or wait have ended.
wake_again() {
  local key first folder rows size needs need wanted=()
  local -A needed=()
  while read -r id key first folder rows size needs; do
    [[ -n ${waiting[$id]-} ]] || continue
    for need in ${needs//,/ }; do needed[${need#*:}]=yes; done
  done <"$JOURNAL"
  for id in "${!alive[@]}" "${!waiting[@]}"; do
    [[ $kind == failure && -z ${needed[$id]-} ]] || wanted+=("$id")
  done
  submit_finaliser "$kind" "${wanted[@]}" || say "$trouble"
  # The "end" finaliser cancels all others. It may have read the journal before the new one was in it.
  [[ $kind == end ]] || ! look || [[ ${#alive[@]} -gt 0 || ${#waiting[@]} -gt 0 || ${#accepted[@]} -eq 0 ]] ||
    slurm scancel --quiet "${accepted[@]}"
}

# Cancel the held jobs of an expansion whose own job ended while it submitted them. Otherwise they would wait without
# end.
cancel_cut_short() {
  local part
  for part in expansions/*/; do
    [[ ! -e $part$UNDER_WAY ]] || (cd "$part" && read -r token _ <"$UNDER_WAY" && cancel_accepted)
  done
}
