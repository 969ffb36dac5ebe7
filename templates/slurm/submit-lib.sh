# shellcheck shell=bash
# How submit.sh hands a workflow to Slurm: every job that waits for none is held until Slurm has
# accepted them all; after a failure all that was accepted is cancelled.

declare -A ids=()
held=()
accepted=()

begin() {
  local variable
  if [[ -e state/slurm-jobs ]]; then
    printf 'reana-batch: this run was submitted before; its jobs are in %s\n' "$PWD/state/slurm-jobs" >&2
    exit 7
  fi
  : >state/slurm-jobs || exit 92
  # Variables such as SBATCH_PARTITION would change what is asked for.
  for variable in "${!SBATCH_@}"; do unset "$variable"; done
  trap 'abandon "interrupted"' INT TERM HUP
}

# KEY names the submission; ARRAY is empty for a single job; each NEED is "TYPE KEY".
submit() { # KEY FOLDER FIRST ARRAY NEED...
  local key=$1 folder=$2 first=$3 array=$4 need dependency='' answer
  local options=(--parsable "--chdir=$PWD")
  shift 4
  for need; do dependency+=,${need% *}:${ids[${need#* }]}; done
  if [[ -n $dependency ]]; then options+=("--dependency=${dependency#,}"); else options+=(--hold); fi
  [[ -z $array ]] || options+=("--array=$array")
  answer=$(sbatch "${options[@]}" "batch/steps/$folder/job.sbatch" "$first") || abandon "sbatch refused $key"
  ids[$key]=${answer%%;*}
  accepted+=("${ids[$key]}")
  [[ -n $dependency ]] || held+=("${ids[$key]}")
  printf '%s %s %s\n' "${ids[$key]}" "$key" "$first" >>state/slurm-jobs || abandon "state/slurm-jobs is not writable"
}

abandon() { # REASON
  trap '' INT TERM HUP
  printf 'reana-batch: %s; cancelling the %d jobs accepted so far\n' "$1" "${#accepted[@]}" >&2
  [[ ${#accepted[@]} -eq 0 ]] || scancel "${accepted[@]}"
  rm -f state/slurm-jobs
  exit 7
}

release() {
  local list
  printf -v list '%s,' "${held[@]}"
  scontrol release "${list%,}" || abandon "the first jobs could not be released"
  printf 'reana-batch: %d submissions accepted, first job %s\n' "${#accepted[@]}" "${accepted[0]}"
}
