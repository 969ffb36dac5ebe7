# shellcheck shell=bash disable=SC2034,SC2154
# Call Slurm's tools, and handle calls without an answer.
#
# Needs bash 4.4, coreutils and Slurm's own tools. The working directory is the run directory.

# The accepted jobs, one line for each job or array: ID KEY FIRST-CHUNK FOLDER ROWS CHUNK-SIZE DEPENDENCY.
readonly JOURNAL=state/slurm.jobs
# This file exists while a submission is running: TOKEN HOST PID.
readonly UNDER_WAY=state/slurm.submitting
# This file exists if a call got no answer. Slurm may accept that job late, so each job looks for itself in the journal.
readonly UNANSWERED=state/slurm.unanswered
# The directory of Slurm's tools. Jobs that submit other jobs read it.
readonly TOOLS=state/slurm.tools
# The name of the cluster with the jobs. The default cluster may change.
readonly CLUSTER=state/slurm.cluster
# The seconds that one call of Slurm's tools may take, and the most calls of sbatch for one job.
readonly CALL_TIMEOUT=${REANA_BATCH_SBATCH_TIMEOUT:-60} CALL_TRIES=3
# The kernel accepts words of up to 128 KiB.
readonly MOST_CONDITIONS=5000 MOST_INDICES=100000
# Exit codes of a submission, as in compiler/run/reasons.py.
readonly EXIT_REFUSED=7 EXIT_UNDER_WAY=8

accepted=() id='' token='' trouble=''
complaint=state/slurm.complaint # the last error output of sbatch or squeue
#   submission  sbatch, pyslurm, or auto: pyslurm if it fits
#   python      the Python with pyslurm
#   helper      the process that submits with pyslurm; empty with sbatch
submission=sbatch python=python3 helper=''

# Remove variables such as SBATCH_PARTITION and SQUEUE_USERS, and those of the job around this script. They would change
# the calls.
clean_environment() {
  local variable
  for variable in "${!SBATCH_@}" "${!SQUEUE_@}" "${!SCANCEL_@}" "${!SLURM_@}"; do
    [[ $variable == SLURM_CONF || $variable == SLURM_CLUSTERS ]] || unset "$variable"
  done
  export SLURM_BITSTR_LEN=0 # otherwise squeue cuts lists of array elements short
}

slurm() { timeout "$CALL_TIMEOUT" "$@"; }

# Did a call fail because Slurm did not answer? Otherwise Slurm refused it. The call wrote $complaint.
no_answer() { # CODE
  (($1 >= 124)) || grep -qiE 'timed out|unable to contact|connect|temporarily' "$complaint"
}

# Set the token of a submission. The comments of its jobs begin with it.
new_token() { # -> $token
  local now
  printf -v now '%(%s)T' -1
  token=$(printf '%s ' "$HOSTNAME" "$PWD" "$$" "$RANDOM" "$now" | sha1sum)
  token=${token:0:12}
}

# Submit a job with sbatch or pyslurm. Slurm may have accepted a call that got no answer. So the job is searched by its
# comment before it is submitted again, and never runs twice.
call_sbatch() { # KEY LOG ARGUMENT... -> $id, or $trouble
  local key=$1 output answer code try found by
  set_output "$2"
  shift 2
  for ((try = 1; try <= CALL_TRIES; try++)); do
    [[ $submission == sbatch || -n $helper ]] || start_helper || return 1
    if [[ -n $helper ]]; then by=pyslurm; else by=sbatch; fi
    call_once "--chdir=$PWD" "--output=$output" "--comment=$token:$key" "$@"
    id=${answer##*$'\n'}
    id=${id%%;*}
    ((code != 0)) || [[ ! $id =~ ^[0-9]+$ ]] || return 0
    trouble="$by refused $key: $(<"$complaint")"
    ((code == 0)) || no_answer "$code" || return 1
    : >"$UNANSWERED"
    sleep "$((try * 2))"
    trouble="Slurm gave no answer for $key: $(<"$complaint")"
    list_accepted || return 1
    if find_accepted "$key"; then
      say "$by gave no answer for $key, but Slurm has accepted it as $id"
      return 0
    fi
  done
  return 1
}

# Set the path of a log. Slurm replaces patterns such as %j in the whole path. It also removes backslashes, so in such a
# directory jobs open their logs themselves.
set_output() { # LOG -> $output
  output=$PWD/$1
  output=${output//%/%%}
  [[ $output != *\\* ]] || output=/dev/null
}

# Call sbatch or the helper once. Both give the output and exit code of sbatch.
call_once() { # ARGUMENT... -> $answer $code, and the file $complaint
  if [[ -z $helper ]]; then
    answer=$(slurm sbatch --parsable "$@" 2>"$complaint")
    code=$?
    return
  fi
  : >"$complaint"
  if printf '%s\0' "$#" "$@" >&"$to_helper" && IFS= read -r -t "$CALL_TIMEOUT" -u "$from_helper" answer; then
    code=0
    [[ $answer =~ ^[0-9]+$ ]] || { code=1; printf '%s\n' "$answer" >>"$complaint"; }
  else # a late answer would look like the answer to the next call
    stop_helper
    answer='' code=124
  fi
}

# Start the process that submits jobs with pyslurm, if the user wants it. It serves all jobs. It is a separate process,
# because importing a pyslurm that does not fit may end the process.
start_helper() {
  local greeting=''
  stop_helper
  [[ $submission != sbatch ]] || return 0
  trap '' PIPE # the helper may end at any time
  : >"$complaint"
  coproc { trap '' INT; exec "$python" batch/pyslurm_sbatch.py 2>>"$complaint"; }
  helper=$!
  disown "$helper" # otherwise bash prints how it ended
  exec {to_helper}>&"${COPROC[1]-}" {from_helper}<&"${COPROC[0]-}"
  IFS= read -r -t "$CALL_TIMEOUT" -u "$from_helper" greeting
  [[ $greeting != "ready, "* ]] || return 0
  stop_helper
  greeting=${greeting:-$(tail -n 1 "$complaint")}
  trouble="pyslurm does not fit: ${greeting:-it does not answer}"
  [[ $submission == auto ]] || { trouble+="; choose --set slurm.submission=sbatch"; return 1; }
  say "$trouble; sbatch is used"
  submission=sbatch
}

stop_helper() {
  [[ -n $helper ]] || return 0
  kill -KILL "$helper" 2>/dev/null
  exec {to_helper}>&- {from_helper}<&-
  helper=
}

# Ask Slurm once for the queued jobs of this submission: "ID TOKEN:KEY" each.
list_accepted() { # -> $found
  local answer
  answer=$(slurm squeue --noheader "--user=$(id -un)" --format='%F %k') || return
  mapfile -t found < <(grep -F " $token:" <<<"$answer" | sort -un)
}

# Set the id of the oldest job with the key.
find_accepted() { # KEY -> $id
  local each
  for each in "${found[@]}"; do
    id=${each%% *}
    [[ ${each#* } != "$token:$1" ]] || return 0
  done
  return 1
}

note_job() { # KEY FIRST FOLDER ROWS CHUNK_SIZE DEPENDENCY
  printf '%s\n' "$id $*" >>"$JOURNAL"
}

# Cancel jobs that Slurm accepted twice.
cancel_duplicates() {
  local found=() each expected
  [[ -e $UNANSWERED ]] || return 0
  list_accepted || return
  expected=" $(cut -d ' ' -f 1 "$JOURNAL" | paste -sd ' ') "
  for each in "${found[@]}"; do
    [[ $expected == *" ${each%% *} "* ]] || slurm scancel "${each%% *}" || return
  done
}
