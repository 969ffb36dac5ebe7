# shellcheck shell=bash disable=SC2034,SC2154
# Submit a workflow to Slurm.
#
# The jobs without parents are held until Slurm has accepted all jobs. If Slurm refuses one, all accepted jobs are
# cancelled. tools.sh describes the files.

declare -A ids=() waited_for=() partial=()
held=() max_array_size=''
mark=$UNDER_WAY # or the new name of the file, after this submission took it from another one

begin() { # [SUBMISSION PYTHON]
  local tools
  clean_environment
  submission=${1:-$submission} python=${2:-$python}
  if [[ -e $UNDER_WAY ]]; then
    begin_again
  elif [[ -e $JOURNAL ]]; then
    say "this run was submitted before; its jobs are in $PWD/$JOURNAL"
    exit "$EXIT_REFUSED"
  fi
  start_helper || { say "$trouble"; exit "$EXIT_REFUSED"; }
  new_token
  trap 'abandon "interrupted"' INT TERM HUP
  claim
  ask_config
  # A job without an environment may not find the tools in its PATH.
  tools=$(type -P sbatch)
  # shellcheck disable=SC2153  # the constant of tools.sh
  printf '%s\n' "${tools%/*}" >"$TOOLS"
}

# Cancel the jobs of an earlier submission. On another host that submission may still be running. This one then renames
# its mark, and the other one gives up. If the other one has just ended, it has no mark.
begin_again() {
  local host='' pid
  { read -r token host pid <"$UNDER_WAY"; } 2>/dev/null
  if [[ $host == "$HOSTNAME" ]]; then
    ! kill -0 "$pid" 2>/dev/null || give_way
  else
    mark=$UNDER_WAY.taken.$$
    { mv "$UNDER_WAY" "$mark" && read -r token _ <"$mark"; } 2>/dev/null || give_way
  fi
  say "an earlier submission was cut short"
  cancel_accepted || { [[ $mark == "$UNDER_WAY" ]] || mv "$mark" "$UNDER_WAY"; exit "$EXIT_REFUSED"; }
  mark=$UNDER_WAY
}

give_way() {
  say "another submission is under way"
  exit "$EXIT_UNDER_WAY"
}

# Become the only submission of this run. If two start at once, only one of them can make the link, with its text in it.
claim() {
  local mine=$UNDER_WAY.$$
  printf '%s %s %s\n' "$token" "$HOSTNAME" "$$" >"$mine" || exit "$EXIT_WRITE"
  ln "$mine" "$UNDER_WAY" 2>/dev/null || [[ -e $UNDER_WAY ]] || mv "$mine" "$UNDER_WAY" # without hard links
  rm -f "$mine"
  is_mine || give_way
  # The other submission may have ended in the meantime.
  [[ ! -s $JOURNAL ]] || { rm -f "$UNDER_WAY"; give_way; }
  : >"$JOURNAL" || exit "$EXIT_WRITE"
}

# Is this submission still the current one? Another machine cannot see that it is running, and may have replaced it.
is_mine() {
  local owner
  { read -r owner _ <"$mark"; } 2>/dev/null && [[ $owner == "$token" ]]
}

# Stop if another submission has replaced this one.
demand_mine() {
  local found=()
  is_mine && return
  trap '' INT TERM HUP
  ! list_accepted || [[ ${#found[@]} -eq 0 ]] || slurm scancel "${found[@]%% *}"
  give_way
}

# Save the name of the cluster. If Slurm does not answer, the next call reports it. scontrol also asks whether slurmctld
# is there, and fails if a limit of calls refuses this question.
ask_config() { # -> $max_array_size
  local config
  config=$(slurm scontrol show config 2>"$complaint")
  [[ $config == *ClusterName* ]] || return 0
  max_array_size=$(sed -n 's/^MaxArraySize *= *//p' <<<"$config")
  sed -n 's/^ClusterName *= *//p' <<<"$config" >"$CLUSTER"
}

# Submit one job or array for a slice of a step. Each NEED is "TYPE KEY". Parents that are done are left out.
submit() { # KEY FOLDER FIRST COUNT ROWS CHUNK_SIZE NEED...
  local key=$1 folder=$2 first=$3 count=$4 rows=$5 size=$6 need parent type dependency='' indices options=()
  shift 6
  indices=0-$((count - 1))
  [[ ! -e state/run.restarted ]] || set_indices "$folder" "$first" "$count" "$rows" "$size"
  [[ -n $indices ]] || { ids[$key]=; return; }
  demand_mine
  [[ $indices == "0-$((count - 1))" ]] || partial[$key]=yes
  for need; do
    parent=${need#* } type=${need%% *}
    [[ -n ${ids[$parent]} ]] || continue
    # aftercorr would look for elements of a partly done parent that are not submitted. Jobs check the records anyway.
    [[ -z ${partial[$parent]-} || $type != aftercorr ]] || type=afterany
    dependency+=,$type:${ids[$parent]}
    waited_for[$parent]=yes
  done
  dependency=${dependency#,}
  if [[ -n $dependency ]]; then options+=("--dependency=$dependency"); else options+=(--hold); fi
  if ((rows > size)); then
    check_array_size "$count"
    options+=("--array=$indices")
  fi
  call_sbatch "$key" "logs/$folder/slurm.out" "${options[@]}" "batch/steps/$folder/job.sbatch" "$first" ||
    abandon "$trouble"
  ids[$key]=$id
  accepted+=("$id")
  [[ -n $dependency ]] || held+=("$id")
  note_job "$key" "$first" "$folder" "$rows" "$size" "${dependency:--}" || abandon "$JOURNAL is not writable"
}

# Set the indices of a slice that still have to run: "0-999", "3-3,7-9", or nothing.
set_indices() { # FOLDER FIRST COUNT ROWS CHUNK_SIZE -> $indices
  local index start='' list=()
  indices=0-$(($3 - 1))
  for ((index = 0; index <= $3; index++)); do
    if ((index < $3)) && ! chunk_is_done "$1" "$(($2 + index))" "$4" "$5"; then start=${start:-$index}
    elif [[ -n $start ]]; then
      list+=("$start-$((index - 1))")
      start=
    fi
  done
  ((${#list[@]} > MOST_INDICES / 10)) || indices=$(IFS=,; printf '%s' "${list[*]}")
}

# Did an earlier submission of this run finish every row of the chunk?
chunk_is_done() { # FOLDER CHUNK ROWS CHUNK_SIZE
  local row=$(($2 * $4)) end=$((($2 + 1) * $4)) stem
  for ((; row < end && row < $3; row++)); do
    set_stem "$row" "$3"
    [[ -e state/$1/$stem.done ]] || return 1
  done
}

check_array_size() { # COUNT
  [[ -z $max_array_size ]] || (($1 <= max_array_size)) || abandon "this Slurm allows arrays of up to \
$max_array_size elements, not $1; compile it again with --set slurm.max_array_size=$max_array_size"
}

# Release the first jobs, after the finalisers are accepted and duplicates are cancelled. If other jobs of the run wait
# for this submission, it is that of an expansion, whose name is given.
release() { # [EXPANSION]
  local list key parents=() last=() count=${#accepted[@]}
  if ((count > 0)); then
    for key in "${!ids[@]}"; do
      if [[ -n ${waited_for[$key]-} ]]; then parents+=("${ids[$key]}"); else last+=(${ids[$key]:+"${ids[$key]}"}); fi
    done
    { submit_finaliser failure "${parents[@]}" && submit_finaliser end "${last[@]}"; } || abandon "$trouble"
    cancel_duplicates || abandon "Slurm does not answer"
    demand_mine
    [[ -z ${1-} ]] || tie_gate "$1"
    printf -v list '%s,' "${held[@]}"
    slurm scontrol release "${list%,}" || abandon "the first jobs could not be released"
    demand_mine # a submission that replaced this one has cancelled the released jobs
  fi
  rm -f "$UNDER_WAY"
  printf 'reana-batch: %d submissions accepted, first job %s\n' "$count" "${accepted[0]-none, because all are done}"
}

abandon() { # REASON
  trap '' INT TERM HUP
  say "$1"
  cancel_accepted
  exit "$EXIT_REFUSED"
}

# Cancel all jobs of this submission. If Slurm does not answer now, the next call of begin cancels them.
cancel_accepted() {
  local found=() known=("${accepted[@]}")
  if list_accepted; then
    known+=("${found[@]%% *}")
    mapfile -t known < <(printf '%s\n' "${known[@]}" | sort -u | grep .)
    say "cancelling the ${#known[@]} jobs and arrays accepted so far"
    if [[ ${#known[@]} -eq 0 ]] || slurm scancel "${known[@]}"; then
      ! is_mine || rm -f "$JOURNAL" "$mark"
      return 0
    fi
  fi
  say "Slurm does not answer; the accepted jobs are held, and the next submission of this run cancels them"
  return 1
}
