# shellcheck shell=bash
# How a workflow is handed to Slurm, and how its end is tidied up: bash 4.4, coreutils and Slurm's own tools.
# The working directory is the run directory.
#
# All jobs that wait for none are held until Slurm has accepted everything; after a refusal all that was
# accepted is cancelled. Jobs whose parents fail would wait for ever (DependencyNeverSatisfied), and
# --kill-on-invalid-dep is known to leave runaway jobs, so a finaliser of our own cancels them.

readonly SHARD=250 # as in job-lib.sh
# What was accepted, a line for each job or array: ID KEY FIRST-CHUNK FOLDER ROWS CHUNK-SIZE DEPENDENCY.
readonly JOURNAL=state/slurm.jobs
# There while a submission is under way: TOKEN HOST PID.
readonly UNDER_WAY=state/slurm.submitting
# There if a call gave no answer: Slurm may accept that job late, and jobs look whether they are meant.
readonly UNANSWERED=state/slurm.unanswered
# The directory of Slurm's tools, for jobs that submit others.
readonly TOOLS=state/slurm.tools
# The name of the cluster that has the jobs, where the default may be another one.
readonly CLUSTER=state/slurm.cluster
# How long one call of Slurm's tools may take, and how often sbatch is called before we give up.
readonly CALL_TIMEOUT=${REANA_BATCH_SBATCH_TIMEOUT:-60} CALL_TRIES=3
# The kernel hands over words of up to 128 KiB.
readonly MOST_CONDITIONS=5000 MOST_INDICES=100000

declare -A ids=() waited_for=() partial=()
held=() accepted=() max_array_size=''
mark=$UNDER_WAY                 # or what that became when we took it from another submission
complaint=state/slurm.complaint # what sbatch or squeue said last
# How jobs are handed in (sbatch, pyslurm, or auto: pyslurm where it fits), the Python that has pyslurm, and the
# process of it that does so: none where sbatch does.
submission=sbatch python=python3 helper=''

say() { printf 'reana-batch: %s\n' "$1" >&2; }

# Variables such as SBATCH_PARTITION, SQUEUE_USERS and those of a job we are in would change what is asked for.
clean_environment() {
  local variable
  for variable in "${!SBATCH_@}" "${!SQUEUE_@}" "${!SCANCEL_@}" "${!SLURM_@}"; do
    [[ $variable == SLURM_CONF || $variable == SLURM_CLUSTERS ]] || unset "$variable"
  done
  export SLURM_BITSTR_LEN=0 # or squeue cuts lists of array elements short
}

slurm() { timeout "$CALL_TIMEOUT" "$@"; }

# Was it that Slurm did not answer, rather than that it refused?
no_answer() { # CODE, of a call that wrote $complaint
  (($1 >= 124)) || grep -qiE 'timed out|unable to contact|connect|temporarily' "$complaint"
}

# --- submitting ------------------------------------------------------------------------------------

begin() { # [SUBMISSION PYTHON]
  local tools
  clean_environment
  submission=${1:-$submission} python=${2:-$python}
  if [[ -e $UNDER_WAY ]]; then
    begin_again
  elif [[ -e $JOURNAL ]]; then
    say "this run was submitted before; its jobs are in $PWD/$JOURNAL"
    exit 7
  fi
  start_helper || { say "$trouble"; exit 7; }
  new_token
  trap 'abandon "interrupted"' INT TERM HUP
  claim
  ask_config
  # The workers may have the tools elsewhere than the PATH of a job without an environment says.
  tools=$(type -P sbatch)
  printf '%s\n' "${tools%/*}" >"$TOOLS"
}

# Cancel what an earlier submission has handed in. On another host that may be alive: either we take its mark away, and
# it sees that it does not count any more, or it has just come to its end, and has no mark.
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
  cancel_accepted || { [[ $mark == "$UNDER_WAY" ]] || mv "$mark" "$UNDER_WAY"; exit 7; }
  mark=$UNDER_WAY
}

give_way() {
  say "another submission is under way"
  exit 8
}

# Be the one submission of this run, also of two that begin at once: a link is made once, and has its text at once.
claim() {
  local mine=$UNDER_WAY.$$
  printf '%s %s %s\n' "$token" "$HOSTNAME" "$$" >"$mine" || exit 92
  ln "$mine" "$UNDER_WAY" 2>/dev/null || [[ -e $UNDER_WAY ]] || mv "$mine" "$UNDER_WAY" # where there are no hard links
  rm -f "$mine"
  is_mine || give_way
  # The other one may have come to its end since we looked.
  [[ ! -s $JOURNAL ]] || { rm -f "$UNDER_WAY"; give_way; }
  : >"$JOURNAL" || exit 92
}

# Another machine cannot see that we are alive, and may have begun again: its chain counts, and not ours.
is_mine() {
  local owner
  { read -r owner _ <"$mark"; } 2>/dev/null && [[ $owner == "$token" ]]
}

demand_mine() {
  local found=()
  is_mine && return
  trap '' INT TERM HUP
  ! list_accepted || [[ ${#found[@]} -eq 0 ]] || slurm scancel "${found[@]%% *}"
  give_way
}

# Write down the name of the cluster, and set $max_array_size. Without an answer, what follows gets none either.
ask_config() {
  local config
  config=$(slurm scontrol show config 2>"$complaint") || return 0
  max_array_size=$(sed -n 's/^MaxArraySize *= *//p' <<<"$config")
  sed -n 's/^ClusterName *= *//p' <<<"$config" >"$CLUSTER"
}

# The name of a submission, in $token, which the comments of its jobs begin with.
new_token() {
  local now
  printf -v now '%(%s)T' -1
  token=$(printf '%s ' "$HOSTNAME" "$PWD" "$$" "$RANDOM" "$now" | sha1sum)
  token=${token:0:12}
}

# The path of a row below its step's folder, without an ending, in $stem.
set_stem() { # ROW COUNT
  if (($2 <= SHARD)); then stem=$1
  elif (($2 <= SHARD * 1000)); then stem=$(($1 / SHARD))/$1
  else stem=$(($1 / SHARD / 1000))/$(($1 / SHARD))/$1
  fi
}

# Is every row of the chunk done, from an earlier life of this run?
chunk_is_done() { # FOLDER CHUNK ROWS CHUNK_SIZE
  local row=$(($2 * $4)) end=$((($2 + 1) * $4)) stem
  for ((; row < end && row < $3; row++)); do
    set_stem "$row" "$3"
    [[ -e state/$1/$stem.done ]] || return 1
  done
}

# The indices of a slice that are still to run, in $indices: "0-999", "3-3,7-9", or nothing.
set_indices() { # FOLDER FIRST COUNT ROWS CHUNK_SIZE
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

check_array_size() { # COUNT
  [[ -z $max_array_size ]] || (($1 <= max_array_size)) || abandon "this Slurm takes arrays of up to \
$max_array_size elements, not $1; compile it again with --set slurm.max_array_size=$max_array_size"
}

# One job or array for a slice of a step. Each NEED is "TYPE KEY"; a parent that is done is not waited for.
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
    # A parent that is partly done lacks elements that aftercorr would look for. Jobs check the records themselves.
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

note_job() { printf '%s\n' "$id $*" >>"$JOURNAL"; } # KEY FIRST FOLDER ROWS CHUNK_SIZE DEPENDENCY

# Call sbatch, or what stands in for it, and set $id, or $trouble. A call without an answer may have been accepted
# all the same: the job is looked for by its comment before it is submitted again, so that it never runs twice.
call_sbatch() { # KEY LOG ARGUMENT...
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

# Slurm replaces patterns such as %j in the whole path of a log. From a path with backslashes it takes them away, so that
# jobs there open their logs themselves.
set_output() { # LOG -> $output
  output=$PWD/$1
  output=${output//%/%%}
  [[ $output != *\\* ]] || output=/dev/null
}

# One call of sbatch or of the helper; $answer, $code and $complaint are what sbatch prints and exits with.
call_once() { # ARGUMENT...
  if [[ -z $helper ]]; then
    answer=$(slurm sbatch --parsable "$@" 2>"$complaint")
    code=$?
    return
  fi
  : >"$complaint"
  if printf '%s\0' "$#" "$@" >&"$to_helper" && IFS= read -r -t "$CALL_TIMEOUT" -u "$from_helper" answer; then
    code=0
    [[ $answer =~ ^[0-9]+$ ]] || { code=1; printf '%s\n' "$answer" >>"$complaint"; }
  else # it may yet answer, and that answer would be taken for the next one
    stop_helper
    answer='' code=124
  fi
}

# Start the process that hands jobs in by pyslurm, if that is wanted. It is one for all jobs, and one of its own:
# importing a pyslurm that does not fit may end it.
start_helper() {
  local greeting=''
  stop_helper
  [[ $submission != sbatch ]] || return 0
  trap '' PIPE # it may end at any time
  : >"$complaint"
  coproc { trap '' INT; exec "$python" batch/pyslurm_sbatch.py 2>>"$complaint"; }
  helper=$!
  disown "$helper" # or bash itself tells how it ended
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

# Ask Slurm once for the queued jobs of this submission, whatever sbatch said; in $found: "ID TOKEN:KEY" each.
list_accepted() {
  local answer
  answer=$(slurm squeue --noheader "--user=$(id -un)" --format='%F %k') || return
  mapfile -t found < <(grep -F " $token:" <<<"$answer" | sort -un)
}

find_accepted() { # KEY -> $id, the oldest if there are several
  local each
  for each in "${found[@]}"; do
    id=${each%% *}
    [[ ${each#* } != "$token:$1" ]] || return 0
  done
  return 1
}

# Cancel all that Slurm has accepted of this submission. If that cannot be done now, the next begin does it.
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
  say "Slurm does not answer; what it accepted is held, and is cancelled by the next submission of this run"
  return 1
}

abandon() { # REASON
  trap '' INT TERM HUP
  say "$1"
  cancel_accepted
  exit 7
}

# Let the first jobs go, after the finalisers are in place and what was accepted twice is gone.
release() {
  local list key parents=() last=() count=${#accepted[@]}
  if ((count > 0)); then
    for key in "${!ids[@]}"; do
      if [[ -n ${waited_for[$key]-} ]]; then parents+=("${ids[$key]}"); else last+=(${ids[$key]:+"${ids[$key]}"}); fi
    done
    { submit_finaliser failure "${parents[@]}" && submit_finaliser end "${last[@]}"; } || abandon "$trouble"
    cancel_duplicates || abandon "Slurm does not answer"
    demand_mine
    printf -v list '%s,' "${held[@]}"
    slurm scontrol release "${list%,}" || abandon "the first jobs could not be released"
    demand_mine # whoever has taken it away since has cancelled what was released
  fi
  rm -f "$UNDER_WAY"
  printf 'reana-batch: %d submissions accepted, first job %s\n' "$count" "${accepted[0]-none, for all are done}"
}

cancel_duplicates() {
  local found=() each expected
  [[ -e $UNANSWERED ]] || return 0
  list_accepted || return
  expected=" $(cut -d ' ' -f 1 "$JOURNAL" | paste -sd ' ') "
  for each in "${found[@]}"; do
    [[ $expected == *" ${each%% *} "* ]] || slurm scancel "${each%% *}" || return
  done
}

# --- the finalisers ---------------------------------------------------------------------------------

# One starts when any of the jobs fails that others wait for, and one at the end, when all that nobody waits
# for have ended.
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

# Submit finalisers again that are gone, and print their ids. Each looks at once, and submits itself again if need be.
replace_finalisers() { # KIND...
  local kind mine
  clean_environment
  mine=$(cut -d ' ' -f 1 "$JOURNAL" | paste -sd ,)
  token=$(slurm squeue --noheader --format=%k "--jobs=$mine" 2>/dev/null | head -n 1)
  token=${token%%:*}
  for kind; do
    call_sbatch ".finaliser/$RANDOM$RANDOM" logs/finaliser.out batch/finaliser.sbatch "$kind" "$token" ||
      { say "$trouble"; exit 7; }
    note_job ".finaliser/$kind" 0 - 0 1 - || exit 92
    printf '%s\n' "$id"
  done
}

# Ask once where jobs are, those of this run unless some are named: in $alive those that run or may start, in
# $waiting those that wait for another (as squeue names them), in $dead those that can never start, in $ended those that ended otherwise
# than by themselves; in $gone which have failed, all of it or some elements.
look() { # [ID,...]
  local mine=${1-} answer job array raw state reason part
  alive=() waiting=() dead=() ended=() gone=()
  [[ -n $mine ]] || mine=$(grep -vF ' .finaliser/' "$JOURNAL" | cut -d ' ' -f 1 | paste -sd ,)
  # Slurm says "invalid" of a job that ended longer ago than MinJobAge.
  answer=$(slurm squeue --noheader --states=all --format='%i %F %A %T %r' "--jobs=$mine" 2>"$complaint") ||
    grep -q 'Invalid job id' "$complaint" || return
  while read -r job array raw state reason; do
    part=all
    [[ $job != *_* ]] || part=some
    case $state:$reason in
      COMPLETED:* | :*) ;;
      PENDING:DependencyNeverSatisfied) dead+=("$job") gone[$array]=$part ;;
      PENDING:Dependency) waiting[$array]+="$job " ;;
      FAILED:NonZeroExitCode) gone[$array]=$part ;;
      FAILED:* | CANCELLED:* | TIMEOUT:* | DEADLINE:* | OUT_OF_MEMORY:*)
        gone[$array]=$part
        ended+=("$job $array $raw $state $reason")
        ;;
      NODE_FAIL:* | BOOT_FAIL:* | PREEMPTED:*) ended+=("$job $array $raw $state $reason") ;; # and may start again
      *) alive[$array]=yes ;;
    esac
  done <<<"$answer"
}

# Add to $dead all that waits for what has failed; Slurm itself sees one level at a time. The journal has
# parents first. What waits for single elements (aftercorr) is left to Slurm; afterany waits for no success.
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
  done <"$JOURNAL"
}

# Cancel what can never start, until nothing waits in vain. What still runs or may run can fail later on: then
# another finaliser of the same kind looks again.
finalise() { # failure|end TOKEN
  local kind=$1 token=$2 own=$SLURM_JOB_ID pause dead ended
  local -A alive=() waiting=() gone=()
  clean_environment
  # Slurm takes a while to see that an element waits for one that has failed.
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

# The job of an expansion may have been ended while it was submitting: what Slurm has accepted then is held for ever.
cancel_cut_short() {
  local part
  for part in expansions/*/; do
    [[ ! -e $part$UNDER_WAY ]] || (cd "$part" && read -r token _ <"$UNDER_WAY" && cancel_accepted)
  done
}

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
  # The finaliser of the end, which takes all others away, may have read the journal before the new one stood in it.
  [[ $kind == end ]] || ! look || [[ ${#alive[@]} -gt 0 || ${#waiting[@]} -gt 0 || ${#accepted[@]} -eq 0 ]] ||
    slurm scancel --quiet "${accepted[@]}"
}

# --- jobs that could not say why they ended ---------------------------------------------------------

# Write the records of the rows that were running when Slurm ended their jobs.
record_endings() {
  local each job array raw state reason key first folder rows size needs chunks
  local -A noted=()
  read_journal
  for each in "${ended[@]}"; do
    read -r job array raw state reason <<<"$each"
    read -r key first folder rows size needs <<<"${noted[$array]}"
    set_chunks "$job" "$first"
    # Elements that never started are shown together.
    if [[ $job == *[[]* ]]; then record_skipped scancel "$job"; else record_chunk "${chunks[0]}"; fi
  done
}

# Write down of rows that never started that they never will: what may start without them need not wait for records.
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
        [[ -e $record.done || -e $record.failed || -e $record.skipped ]] || printf '%s\n' "reason=$reason" >"$record.skipped"
      done
    done
  done
}

read_journal() { # -> $noted
  local id each
  while read -r id each; do noted[$id]=$each; done <"$JOURNAL"
}

# The chunks of what squeue calls ID, ID_5, ID_[0-3,7] or ID_[0-8:2%5], in $chunks.
set_chunks() { # JOB FIRST
  local part elements=${1##*_} start end step index
  chunks=("$2")
  [[ $1 == *_* ]] || return 0
  chunks=()
  elements=${elements#[}
  elements=${elements%%[]%]*}
  for part in ${elements//,/ }; do
    step=1
    [[ $part != *:* ]] || step=${part#*:} part=${part%:*}
    start=${part%-*} end=${part#*-}
    for ((index = start; index <= end; index += step)); do chunks+=("$(($2 + index))"); done
  done
}

record_chunk() { # CHUNK
  local stem started row record code cause command=1 now
  set_stem "$(($1 * size))" "$rows"
  started=state/$folder/$stem.started
  row=$(sed -n 's/^row=//p' "$started" 2>/dev/null)
  [[ -n $row ]] || return 0
  set_stem "$row" "$rows"
  record=state/$folder/$stem
  [[ ! -e $record.done ]] || return 0
  [[ ! -e $record.failed ]] || grep -q '^detail=SIG' "$record.failed" || return 0
  set_cause
  [[ ! -e batch/steps/$folder/command.2 ]] || command=0
  [[ ! -e state/$folder/running-$1 ]] || mv -f "state/$folder/running-$1" "$record.command"
  printf -v now '%(%s)T' -1
  { printf '%s\n' "exit_code=$code" reason=signal "detail=$cause" "command=$command" "ended=$now" &&
    cat "$started"; } >"$record.failed.$$.tmp" && mv -f "$record.failed.$$.tmp" "$record.failed"
}

# Why Slurm ended the job, in $cause, and the exit code that goes with it, in $code.
set_cause() {
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
