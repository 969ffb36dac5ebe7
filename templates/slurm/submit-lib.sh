# shellcheck shell=bash
# How a workflow is handed to Slurm, and how its end is tidied up. The working directory is the run directory.
#
# All jobs that wait for none are held until Slurm has accepted everything; after a refusal all that was
# accepted is cancelled. Jobs whose parents fail would wait for ever (DependencyNeverSatisfied), and
# --kill-on-invalid-dep is known to leave runaway jobs, so a finaliser of our own cancels them.

readonly SHARD=250 # as in job-lib.sh
readonly JOURNAL=state/slurm-jobs
# How long one call of sbatch may take, and how often its outcome is looked for before it is tried again.
readonly CALL_TIMEOUT=${REANA_BATCH_SBATCH_TIMEOUT:-60} CALL_TRIES=3

declare -A ids=() waited_for=()
held=()
accepted=()

say() { printf 'reana-batch: %s\n' "$1" >&2; }

begin() {
  local variable
  if [[ -e $JOURNAL ]]; then
    say "this run was submitted before; its jobs are in $PWD/$JOURNAL"
    exit 7
  fi
  : >"$JOURNAL" || exit 92
  # Variables such as SBATCH_PARTITION would change what is asked for.
  for variable in "${!SBATCH_@}"; do unset "$variable"; done
  token=$(printf '%s %s' "$PWD" "$$.$RANDOM.$EPOCHSECONDS" | sha1sum)
  token=${token:0:12}
  trap 'abandon "interrupted"' INT TERM HUP
}

# --- submitting ------------------------------------------------------------------------------------

# Is every row of the chunk done, from an earlier life of this run?
chunk_is_done() { # FOLDER CHUNK ROWS CHUNK_SIZE
  local row=$(($2 * $4)) end=$((($2 + 1) * $4)) stem
  for ((; row < end && row < $3; row++)); do
    if (($3 <= SHARD)); then stem=$row
    elif (($3 <= SHARD * 1000)); then stem=$((row / SHARD))/$row
    else stem=$((row / SHARD / 1000))/$((row / SHARD))/$row
    fi
    [[ -e state/$1/$stem.done ]] || return 1
  done
}

# The indices of a slice that are still to run, in $indices: "0-999", "3,7", or nothing.
set_indices() { # FOLDER FIRST COUNT ROWS CHUNK_SIZE
  local index list=()
  indices=0-$(($3 - 1))
  [[ -e state/restarted ]] || return 0
  for ((index = 0; index < $3; index++)); do
    chunk_is_done "$1" "$(($2 + index))" "$4" "$5" || list+=("$index")
  done
  ((${#list[@]} == $3)) || indices=$(IFS=,; printf '%s' "${list[*]}")
}

# One sbatch call for a slice of a step. Each NEED is "TYPE KEY"; a parent that is done is not waited for.
submit() { # KEY FOLDER FIRST COUNT ROWS CHUNK_SIZE NEED...
  local key=$1 folder=$2 first=$3 count=$4 rows=$5 size=$6 need parent type dependency='' indices
  shift 6
  set_indices "$folder" "$first" "$count" "$rows" "$size"
  [[ -n $indices ]] || { ids[$key]=; return; }
  local options=()
  for need; do
    parent=${need#* } type=${need%% *}
    [[ -n ${ids[$parent]} ]] || continue
    # A parent that is partly done lacks elements that aftercorr would look for.
    [[ ! -e state/restarted ]] || type=afterok
    dependency+=,$type:${ids[$parent]}
    waited_for[$parent]=yes
  done
  if [[ -n $dependency ]]; then options+=("--dependency=${dependency#,}"); else options+=(--hold); fi
  ((rows <= size)) || options+=("--array=$indices")
  call_sbatch "$key" "${options[@]}" "batch/steps/$folder/job.sbatch" "$first"
  ids[$key]=$id
  [[ -n $dependency ]] || held+=("$id")
  printf '%s %s %s\n' "$id" "$key" "$first" >>"$JOURNAL" || abandon "$JOURNAL is not writable"
}

# Call sbatch and set $id. A call without an answer may have been accepted all the same: the job is
# looked for by its comment before it is submitted again, so that it never runs twice.
call_sbatch() { # KEY ARGUMENT...
  local key=$1 answer code try
  shift
  for ((try = 1; try <= CALL_TRIES; try++)); do
    answer=$(timeout "$CALL_TIMEOUT" sbatch --parsable "--chdir=$PWD" "--comment=$token:$key" "$@" 2>state/sbatch-error)
    code=$?
    id=${answer%%;*}
    if ((code != 0)); then
      grep -qiE 'timed out|unable to contact|connection|temporarily|^$' state/sbatch-error || ((code == 124)) ||
        abandon "sbatch refused $key: $(<state/sbatch-error)"
      id=$(find_accepted "$key") || { sleep "$((try * 2))"; continue; }
      say "sbatch gave no answer for $key, but Slurm has accepted it as $id"
    fi
    accepted+=("$id")
    return
  done
  abandon "sbatch gave no answer for $key, $CALL_TRIES times: $(<state/sbatch-error)"
}

find_accepted() { # KEY -> prints the id
  local found
  sleep 2
  found=$(timeout "$CALL_TIMEOUT" squeue --noheader --states=all "--user=$(id -un)" --format='%F %k' |
    awk -v wanted="$token:$1" '$2 == wanted { print $1; exit }')
  [[ -n $found ]] && printf '%s' "$found"
}

abandon() { # REASON
  trap '' INT TERM HUP
  say "$1"
  say "cancelling the ${#accepted[@]} jobs accepted so far"
  [[ ${#accepted[@]} -eq 0 ]] || scancel "${accepted[@]}"
  rm -f "$JOURNAL"
  exit 7
}

# Let the first jobs go, after the finaliser is in place.
release() {
  local list key firsts=() lasts=()
  [[ ${#accepted[@]} -gt 0 ]] || { say "all jobs are done already"; return; }
  for key in "${!ids[@]}"; do
    [[ -n ${ids[$key]} ]] || continue
    if [[ -n ${waited_for[$key]:-} ]]; then firsts+=("afternotok:${ids[$key]}"); else lasts+=("afterany:${ids[$key]}"); fi
  done
  local count=${#accepted[@]}
  submit_finaliser "${firsts[@]}" "${lasts[@]}"
  printf -v list '%s,' "${held[@]}"
  scontrol release "${list%,}" || abandon "the first jobs could not be released"
  printf 'reana-batch: %d submissions accepted, first job %s\n' "$count" "${accepted[0]}"
}

# --- the finaliser ----------------------------------------------------------------------------------

# It starts when any of its conditions holds. A list of thousands would be too long for one job.
submit_finaliser() { # CONDITION...
  local conditions=("$@") part
  while [[ ${#conditions[@]} -gt 0 ]]; do
    part=$(IFS='?'; printf '%s' "${conditions[*]:0:500}")
    conditions=("${conditions[@]:500}")
    call_sbatch "finaliser.$EPOCHSECONDS.$RANDOM" "--dependency=$part" batch/finaliser.sbatch "$token"
    printf '%s %s %s\n' "$id" finaliser/0 0 >>"$JOURNAL" || abandon "$JOURNAL is not writable"
  done
}

# Ask once where the jobs of this run are: those that run or may run in $able (conditions to wait for them),
# those that can never start in $dead, and those that wait for another job in $waiting.
look() {
  local mine job array state reason
  able=() dead=() waiting=()
  mine=$(grep -v ' finaliser/' "$JOURNAL" | cut -d ' ' -f 1 | paste -sd ,)
  while read -r job array state reason; do
    case $state:$reason in
      PENDING:DependencyNeverSatisfied) dead+=("$job") ;;
      PENDING:Dependency) waiting+=("$job") ;;
      *) able+=("afterany:$array") ;;
    esac
  done < <(timeout "$CALL_TIMEOUT" squeue --noheader --format='%i %F %T %r' "--jobs=$mine")
}

# Cancel what can never start. What runs or may run can still let others start: when one of it ends, look
# again. Slurm takes a while to see that a dependency has failed, and what hangs on a cancelled job follows.
finalise() { # TOKEN
  token=$1
  local round able dead waiting conditions
  for ((round = 0; round < 12; round++)); do
    look
    if [[ ${#dead[@]} -gt 0 ]]; then
      say "cancelling jobs whose parents failed: ${dead[*]}"
      scancel "${dead[@]}"
      round=0
    elif [[ ${#able[@]} -gt 0 ]]; then
      mapfile -t conditions < <(printf '%s\n' "${able[@]}" | sort -u)
      submit_finaliser "${conditions[@]}"
      return
    fi
    [[ ${#dead[@]} -gt 0 || ${#waiting[@]} -gt 0 ]] || return 0
    sleep 5
  done
  say "cancelling jobs that nothing will start: ${waiting[*]}"
  scancel "${waiting[@]}"
}
