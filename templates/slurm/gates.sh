# shellcheck shell=bash disable=SC2034,SC2154
# Gates: small jobs on which other jobs wait for an expansion.
#
# A gate ends after all jobs of the expansion, and succeeds only if they are done. It waits for the planner, from the
# beginning of the run. The planner submits the jobs, and lets the gate wait for them too before it ends itself. So a
# planner that fails is enough to end everything that waits for the gate.
#
# Facts: ids waited_for accepted (of submit.sh)

# Submit the gate of an expansion. If the planner is done, the jobs of the expansion were submitted before. If all of
# them are done too, there is nothing to wait for.
# shellcheck disable=SC2004  # ids is an associative array, which submit.sh declares
submit_gate() { # NAME FOLDER
  local key=.gate/$1 planner=${ids[$1/0]} needs='' last=()
  ids[$key]=
  if [[ -n $planner ]]; then
    needs=,afterok:$planner
    waited_for[$1/0]=yes
  else
    find_last_jobs "expansions/$1/$JOURNAL"
    [[ ${#last[@]} -eq 0 ]] || printf -v needs ',afterany:%s' "${last[@]}"
  fi
  [[ -n $needs ]] || return 0
  demand_mine
  call_sbatch "$key" logs/gate.out "--dependency=${needs:1}" batch/gate.sbatch "$1" "$2" || abandon "$trouble"
  ids[$key]=$id
  accepted+=("$id")
  note_job "$key" 0 - 0 1 "${needs:1}" || abandon "$JOURNAL is not writable"
}

# Let the gate of this part wait for its last jobs. The run has no gate for it if the run is submitted again and the
# planner is done: then submit_gate makes a gate that waits for them.
tie_gate() { # NAME
  local gate='' key first folder rows size needs more last=()
  read -r gate key first folder rows size needs < <(grep -F " .gate/$1 " "../../$JOURNAL" 2>/dev/null)
  find_last_jobs "$JOURNAL"
  [[ -n $gate && ${#last[@]} -gt 0 ]] || return 0
  printf -v more ',afterany:%s' "${last[@]}"
  slurm scontrol update "JobId=$gate" "Dependency=$needs$more" 2>"$complaint" ||
    abandon "the jobs that wait for $1 cannot wait for its jobs: $(<"$complaint")"
}

# Find the jobs of a journal that no other of its jobs waits for.
find_last_jobs() { # JOURNAL -> $last
  local job key first folder rows size needs need
  local -A listed=() needed=()
  last=()
  [[ -e $1 ]] || return 0
  while read -r job key first folder rows size needs; do
    [[ $key == .finaliser/* ]] || listed[$job]=yes
    for need in ${needs//,/ }; do needed[${need#*:}]=yes; done
  done <"$1"
  for job in "${!listed[@]}"; do
    [[ -n ${needed[$job]-} ]] || last+=("$job")
  done
}

# The gate itself: is everything of the expansion done?
pass_gate() { # NAME FOLDER
  await_whole 1 "$2" "$1" || { say "not all jobs of $1 are done"; exit "$EXIT_PARENT"; }
}
