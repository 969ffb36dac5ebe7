# shellcheck shell=bash
# What every job does; job.sh sets the facts of its step and then reads this file. Both are bash 4.4
# and need nothing but coreutils. The working directory is the run directory.
#
# Facts (all set by job.sh): step origin folder row_count chunk_size commands needs outputs images
# container_runtime binds cvmfs row_time_limit; and where they are not empty, before after retries
# container_home python programs depth
# shellcheck disable=SC2154,SC2206  # the facts are assigned in job.sh; words are split on purpose

# Exit codes of our own; credentials-lib.sh has one more. A command's own code passes through; the record says
# which of the two it was.
readonly EXIT_PARENT=91 EXIT_WRITE=92 EXIT_OUTPUT=93 EXIT_WORKER=94

# Entries per directory and row table; the compiler's layout.py has the same numbers.
readonly SHARD=250 TABLE_SHARD=10000

# How long to wait for the record of a finished parent: network file systems show it late.
readonly PATIENCE=${REANA_BATCH_PATIENCE:-60}

# Lines of a table that are read at a time.
readonly AHEAD=100

set -f  # words are split here and there, and never are patterns

child=
scratch=
overlay=
row=
worker_ready=
declare -A text_of=() ahead=() written=()

say() { printf 'reana-batch: %s: %s\n' "$step" "$1" >&2; }

# The path of a row below its step's folder, without an ending, in $stem; that of the row this job is at is $own, and
# that of its first row $chunk_stem.
set_stem() { # ROW COUNT
  local row=$1 count=$2
  if ((count <= SHARD)); then stem=$row
  elif ((count <= SHARD * 1000)); then stem=$((row / SHARD))/$row
  else stem=$((row / SHARD / 1000))/$((row / SHARD))/$row
  fi
}

lose_record() { # FILE
  rm -f "$1" "$1.$$.tmp"
  say "row $row: the record $1 cannot be written (disk full? quota?)"
  exit "$EXIT_WRITE"
}

# Write a new file: noclobber makes bash open it with O_EXCL, so that no link is followed that somebody puts there in the
# same moment. What is in its place goes.
create() { # FILE TEXT -> $bytes
  local code=0
  set -C
  printf '%s%n' "$2" bytes 2>/dev/null >"$1" || { rm -f "$1" && printf '%s%n' "$2" bytes >"$1"; } || code=$?
  set +C
  return "$code"
}

# Write a file again that every row of the chunk writes. It is cut off only where the new text is the shorter one, for
# that takes as long as to make a file.
overwrite() { # FILE TEXT
  local bytes=0
  if [[ -z ${written[$1]-} || -L $1 ]]; then  # nothing is written through a link that a command has made
    create "$1" "$2" || return
  else
    printf '%s%n' "$2" bytes 1<>"$1" || return
    ((bytes > 0 && bytes >= written[$1])) || printf '%s%n' "$2" bytes >"$1" || return
  fi
  written[$1]=$bytes
}

# Which row the chunk is at, since when and where; only a help for the reader, so it is not renamed into place.
write_started() {
  printf -v started '%(%s)T' -1
  overwrite "state/$folder/$chunk_stem.started" "row=$row
started=$started
host=${HOSTNAME:-}
scheduler_job=$scheduler_job
" || { say "row $row: state/$folder is not writable"; exit "$EXIT_WRITE"; }
}

# That the record is there says it all, so that it is written in its place: to rename it, by a mv of its own, would take
# as long as a short row.
write_done() {
  local ended file=state/$folder/$own.done
  printf -v ended '%(%s)T' -1
  create "$file" "exit_code=0
started=$started
ended=$ended
host=${HOSTNAME:-}
scheduler_job=$scheduler_job
" || lose_record "$file"
}

# Write the exit record of a row that did not succeed, and give back its exit code. The record is complete or not there:
# it is written beside its place and then renamed.
fail_row() { # CODE REASON [DETAIL]
  local ended file=state/$folder/$own.failed
  printf -v ended '%(%s)T' -1
  { create "$file.$$.tmp" "exit_code=$1
reason=$2
detail=${3:-}
command=${command_number:-0}
started=${started:-}
ended=$ended
host=${HOSTNAME:-}
scheduler_job=$scheduler_job
" && mv -fT "$file.$$.tmp" "$file"; } || lose_record "$file"
  say "row $row: failed: $2 ${3:-} (exit code $1)"
  return "$1"
}

# shellcheck disable=SC2329  # called by the traps below
on_signal() { # NAME NUMBER
  trap '' TERM INT HUP XCPU USR1 USR2
  if [[ -n $child ]]; then
    kill -TERM -- "-$child" 2>/dev/null
    wait "$child" 2>/dev/null
  fi
  keep_script
  [[ -z $row ]] || fail_row "$((128 + $2))" signal "SIG$1"
  exit "$((128 + $2))"
}

# shellcheck disable=SC2329  # called by the trap below, however the job ends
leave() {
  local code=$?
  ! declare -F drop_credentials >/dev/null || drop_credentials
  [[ -z $scratch ]] || clear_away "$scratch"
  exit "$code"
}

clear_away() { # DIRECTORY: also where a command has closed directories in it
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1" && rm -rf "$1"; }
}

trap leave EXIT
trap 'on_signal TERM 15' TERM
trap 'on_signal INT 2' INT
trap 'on_signal HUP 1' HUP

# What was put together for a row that failed is kept for the reader.
keep_script() {
  [[ -z $row || ! -e state/$folder/running-$chunk ]] || mv -fT "state/$folder/running-$chunk" "state/$folder/$own.command"
}

# --- what a row waits for ---------------------------------------------------------------------------

# Is the row of the parent done? Looks again for a while before it says no.
await_row() { # FOLDER COUNT ROW
  local stem waited=0 record
  set_stem "$3" "$2"
  record=state/$1/$stem
  until [[ -e $record.done ]]; do
    ls "${record%/*}" >/dev/null 2>&1  # reading the directory makes NFS ask its server again
    [[ ! -e $record.done ]] || return 0
    ((waited++ < PATIENCE)) && [[ ! -e $record.failed && ! -e $record.skipped ]] || return 1
    sleep 1
  done
}

await_all() { # FOLDER COUNT
  local first
  [[ ! -e state/$1/complete ]] || return 0
  for ((first = 0; first < $2; first += SHARD)); do
    await_shard "$1" "$2" "$first" "$((first + SHARD < $2 ? first + SHARD : $2))" || return
  done
  create "state/$1/complete" ''
}

# The rows of one directory, which is read once if all are done.
await_shard() { # FOLDER COUNT FIRST END
  local stem records parent_row
  set_stem "$3" "$2"
  stem=state/$1/$stem
  set +f
  records=("${stem%/*}"/*.done)
  set -f
  [[ ! -e ${records[0]} || ${#records[@]} -ne $(($4 - $3)) ]] || return 0
  for ((parent_row = $3; parent_row < $4; parent_row++)); do
    await_row "$1" "$2" "$parent_row" || return
  done
}

await_rows() { # FOLDER COUNT ROWS
  local parent_row
  for parent_row in $3; do
    await_row "$1" "$2" "$parent_row" || return
  done
}

# needs holds "PATTERN COUNT FOLDER" for each parent; PATTERN is all, each, or a table of rows like our own.
check_parents() { # ROW
  local need words line
  [[ -z ${REANA_BATCH_ALONE:-} ]] || return 0  # no other job's records are here; the scheduler kept the order
  for need in "${needs[@]}"; do
    words=($need)
    case ${words[0]} in
      all) await_all "${words[2]}" "${words[1]}" ;;
      each) await_row "${words[2]}" "${words[1]}" "$1" ;;
      *)
        read_table_line "batch/steps/$folder/${words[0]}" "$1"
        await_rows "${words[2]}" "${words[1]}" "$line"
        ;;
    esac || { skip_row "${words[2]}"; return; }
  done
}

# Write down that the row was not started, so that rows which wait for it do not wait any longer.
skip_row() { # FOLDER
  local file=state/$folder/$own.skipped
  say "row $row: not started because $1 is not done"
  create "$file" "reason=parent"$'\n'"detail=$1"$'\n' || lose_record "$file"
  return "$EXIT_PARENT"
}

# --- the row and its commands ----------------------------------------------------------------------

# The lines after it, of which the next rows will each want one, are read with it.
read_table_line() { # TABLE ROW -> $line
  local lines index
  if [[ -z ${ahead[$1:$2]+read} ]]; then
    mapfile -t -s "$(($2 % TABLE_SHARD))" -n "$((chunk_size < AHEAD ? chunk_size : AHEAD))" lines \
      <"$1/$(($2 / TABLE_SHARD))" || exit "$EXIT_WORKER"
    for index in "${!lines[@]}"; do ahead[$1:$(($2 + index))]=${lines[index]}; done
  fi
  line=${ahead[$1:$2]-}
  unset "ahead[$1:$2]"
}

# A byte 1F ends each cell; in a cell \ is \\, a newline \n and a byte 1F \0037.
read_cells() { # ROW -> $cells
  local IFS=$'\x1f' line index
  read_table_line "batch/steps/$folder/rows" "$1"
  cells=($line)
  [[ $line == *\\* ]] || return 0
  for index in "${!cells[@]}"; do
    printf -v "cells[$index]" '%b' "${cells[index]}"
  done
}

# Put the script of a command together where rows differ: "FILE =COLUMN FILE ...".
assemble() { # COMMAND TO
  local piece text script=
  for piece in $1; do
    if [[ $piece == =* ]]; then script+=${cells[${piece#=}]-}
    else
      [[ -n ${text_of[$piece]+read} ]] || {
        IFS= read -rd '' text <"batch/steps/$folder/$piece"
        text_of[$piece]=$text
      }
      script+=${text_of[$piece]}
    fi
  done
  overwrite "$2" "$script" || { say "row $row: $2 cannot be written"; exit "$EXIT_WRITE"; }
}

# The command line in front of "bash FILE", in $launcher.
set_launcher() {
  local directory image
  launcher=()
  [[ -z $row_time_limit ]] || launcher=(timeout --kill-after=30 "$row_time_limit")
  [[ $container_runtime == apptainer && ${#images[@]} -gt 0 ]] || return 0
  command -v apptainer >/dev/null || { worker_lacks "apptainer is not installed"; return; }
  launcher+=(apptainer --silent exec --pwd "$REANA_WORKSPACE")
  # The fields of --mount are those of CSV: a quote in quotes is doubled.
  launcher+=(--mount "type=bind,\"source=${root//\"/\"\"}\",\"destination=${root//\"/\"\"}\"")
  for directory in "${binds[@]}" "${cvmfs[@]/#//cvmfs/}"; do
    [[ ! -e $directory ]] || launcher+=(--mount "type=bind,source=$directory,destination=$directory")
  done
  for image in "${images[@]}"; do
    [[ $image == /* || $image == docker://* ]] || image=$REANA_WORKSPACE/$image
    if [[ $image == docker://* || -e $image ]]; then
      add_image "$image"
      return
    fi
  done
  worker_lacks "the image ${images[*]} is not there"
}

# As in REANA, the home in a container is not the user's, and its image can be written to: on the job's disk, or in the
# little memory that apptainer has for it, if it lets us.
add_image() { # IMAGE
  local said
  { scratch=$(mktemp -d "${_CONDOR_SCRATCH_DIR:-${TMPDIR:-/tmp}}/reana-batch.XXXXXXXX") && mkdir "$scratch/home"; } ||
    { worker_lacks "no home for the container can be made"; return; }
  [[ -n ${container_home-} ]] || launcher+=(--home "$scratch/home")
  renew_overlay
  starts_with "$1" --overlay "$overlay" || { overlay=; starts_with "$1" --writable-tmpfs; } ||
    say "the image is read-only on ${HOSTNAME:-this worker}: ${said##*$'\n'}"
  launcher+=("$1")
}

starts_with() { # IMAGE OPTION...: does the image start? Then the options are kept; else $said says why not.
  said=$("${launcher[@]}" "${@:2}" "$1" bash -c : 2>&1 </dev/null) && launcher+=("${@:2}")
}

# What a command changes in its image goes with it, for each command is a job of its own in REANA.
renew_overlay() {
  overlay=$scratch/image
  [[ ! -e $overlay ]] || clear_away "$overlay"
  mkdir "$overlay"
}

worker_lacks() { say "$1 on ${HOSTNAME:-this worker}"; lacking=$1; return "$EXIT_WORKER"; }

check_cvmfs() {
  local repository
  for repository in "${cvmfs[@]}"; do
    # Looking at it mounts it.
    ls "/cvmfs/$repository/" >/dev/null 2>&1 || { worker_lacks "/cvmfs/$repository is not there"; return; }
  done
}

check_python() {
  [[ -n ${python-} ]] || return 0
  command -v "$python" >/dev/null || { worker_lacks "$python is not there"; return; }
  export REANA_BATCH_PYTHON=$python
}

check_programs() {
  local program
  for program in ${programs+"${programs[@]}"}; do
    command -v "$program" >/dev/null || { worker_lacks "$program is not there"; return; }
  done
}

# Run one script; its output goes to the row's logs. Job control gives it a process group of its own,
# so that all of it can be ended, and leaves its signals as they are.
run_command() { # FILE
  [[ -z $overlay ]] || renew_overlay
  command_start=$SECONDS
  set -m
  (cd "$REANA_WORKSPACE" && exec "${launcher[@]}" bash "$1") \
    </dev/null >>"logs/$folder/$own.out" 2>>"logs/$folder/$own.err" &
  child=$!
  set +m
  wait "$child"
  local code=$?
  child=
  return "$code"
}

# Where the script of a command is, in $script; it is put together if need be.
set_script() { # COMMAND
  script=batch/steps/$folder/$1
  if [[ $1 == *' '* || $1 == =* ]]; then
    script=state/$folder/running-$chunk
    assemble "$1" "$script"
  fi
}

# Run what the compiler itself has to do around the commands; outside the image.
run_around() { # COMMAND
  local script
  set_script "$1"
  # shellcheck source=/dev/null
  (cd "$REANA_WORKSPACE" && . "$run/$script") </dev/null >>"logs/$folder/$own.out" 2>>"logs/$folder/$own.err"
}

run_commands() {
  local command script code
  command_number=0
  for command in "${commands[@]}"; do
    ((++command_number))
    set_script "$command"
    run_command "$run/$script"
    code=$?
    ((code == 0)) && continue
    keep_script
    return "$code"
  done
}

check_outputs() {
  local output missing=()
  for output in "${outputs[@]}"; do
    [[ $output != =* ]] || output=${cells[${output#=}]}
    [[ -e $REANA_WORKSPACE/$output || $output == /* && -e $output ]] || is_matched "$output" || missing+=("$output")
  done
  [[ ${#missing[@]} -eq 0 ]] || { lacking="missing: ${missing[*]}"; return "$EXIT_OUTPUT"; }
}

# Does a declared output match a file, as a pattern? The compiler's patterns.py says which patterns there are.
is_matched() ( # PATTERN
  [[ $1 == *[*?[\\]* ]] && cd "$REANA_WORKSPACE" || exit
  shopt -s globstar dotglob nullglob
  set +f
  IFS=
  for match in $1; do
    [[ ! -f $match ]] || exit 0
  done
  exit 1
)

# Run the commands, again if they fail and the step may be tried again. A system that starts failed jobs again says in
# REANA_BATCH_TRIED how often it did.
run_attempts() {
  local code attempt
  for ((attempt = 1; ; attempt++)); do
    export REANA_BATCH_ATTEMPT=$((attempt + ${REANA_BATCH_TRIED:-0}))
    lacking=
    { [[ -z ${before-} ]] || run_around "$before"; } && run_commands && { [[ -z ${after-} ]] || run_around "$after"; } &&
      { [[ ${#outputs[@]} -eq 0 ]] || check_outputs; } && return
    code=$?
    ((attempt <= ${retries:-0})) || return "$code"
    say "row $row: attempt $attempt failed (exit code $code), trying again"
  done
}

# Bash copies a function whenever it calls it, so that rows do not call what their step has no need of.
run_row() { # ROW
  local code own lacking='' started='' command_number=0 cells=() command_start=$SECONDS
  set_stem "$1" "$row_count"
  own=$stem row=$1
  make_folders "state/$folder/$own" "logs/$folder/$own"
  [[ ! -e state/$folder/$own.done ]] || return 0
  [[ ${#needs[@]} -eq 0 ]] || check_parents "$row" || return
  [[ ! -e state/$folder/$own.failed && ! -e state/$folder/$own.skipped ]] ||
    rm -f "state/$folder/$own.failed" "state/$folder/$own.skipped" "state/$folder/$own.command"
  write_started
  [[ ! -L logs/$folder/$own.out ]] || rm -f "logs/$folder/$own.out"
  [[ ! -L logs/$folder/$own.err ]] || rm -f "logs/$folder/$own.err"
  if ! : >>"logs/$folder/$own.out" || ! : >>"logs/$folder/$own.err"; then
    say "row $row: logs/$folder is not writable"
    exit "$EXIT_WRITE"
  fi
  if [[ -n ${credentials+asked} ]] && ! prepare_credentials; then
    fail_row "$EXIT_CREDENTIAL" credential "$lacking"
    return
  fi
  [[ -n $worker_ready ]] || { check_cvmfs && check_python && check_programs && set_launcher && worker_ready=yes; } ||
    { fail_row "$?" worker "$lacking"; return; }
  [[ $has_table == no ]] || read_cells "$row"
  run_attempts
  code=$?
  if ((code == 0)); then write_done
  elif [[ -n $lacking ]]; then fail_row "$EXIT_OUTPUT" output "$lacking"
  elif [[ -n $row_time_limit ]] && timed_out "$code"; then fail_row "$code" timeout "after $row_time_limit s"
  elif [[ $code == 255 || $code == 1 ]] && container_failed "$code"; then fail_row "$EXIT_WORKER" worker "$lacking"
  else fail_row "$code" command
  fi
}

# Did apptainer not get as far as the command? Its last words are then its own; $lacking is what they say.
container_failed() { # CODE
  local words
  [[ $container_runtime == apptainer && ${#images[@]} -gt 0 ]] || return
  words=$(tail -n 1 "logs/$folder/$own.err")
  [[ $words =~ ^FATAL:\ +(.*) && $1 == 255 || $words =~ ^ERROR\ *:\ +(.*) ]] || return
  lacking="apptainer cannot start ${launcher[-1]}: ${BASH_REMATCH[1]}"
}

# timeout exits with 124, or with 137 if the command had to be killed.
timed_out() { # CODE
  (($1 == 124 || $1 == 137)) && ((SECONDS - command_start >= row_time_limit))
}

make_folders() { # STATE-STEM LOG-STEM
  [[ -d ${1%/*} && -d ${2%/*} ]] || mkdir -p "${1%/*}" "${2%/*}" ||
    { say "${1%/*} or ${2%/*} cannot be made"; exit "$EXIT_WRITE"; }
}

# Run the rows of a chunk one after the other; one that fails does not stop the others.
run_chunk() { # CHUNK
  chunk=$1
  local first=$((chunk * chunk_size)) last failure=0 code each
  last=$((first + chunk_size < row_count ? first + chunk_size : row_count))
  set_stem "$first" "$row_count"
  chunk_stem=$stem
  for ((each = first; each < last; each++)); do
    run_row "$each"
    code=$?
    row=
    ((failure != 0)) || failure=$code
  done
  [[ ! -e state/$folder/running-$chunk ]] || rm -f "state/$folder/running-$chunk"
  return "$failure"
}

set_environment() {
  run=$PWD
  # What an expansion has compiled lies in ROOT/expansions/NAME, and works in the workspace of the whole run.
  root=$run
  local level
  for ((level = ${depth:-0}; level > 0; level--)); do root=${root%/*/*}; done
  export REANA_WORKSPACE=$root/workspace REANA_WORKFLOW_UUID
  # REANA's jobs get a UUID of their run; here it follows from the run's directory.
  local digest
  digest=$(sha1sum <<<"$root")
  REANA_WORKFLOW_UUID=${digest:0:8}-${digest:8:4}-5${digest:13:3}-8${digest:17:3}-${digest:20:12}
  # Schedulers that start jobs without the user's environment leave these out.
  export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin} USER=${USER:-$(id -un)}
  export HOME=${HOME:-$(getent passwd "$USER" | cut -d: -f6)}
  umask 0022
  scheduler_job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  scheduler_job=${scheduler_job:-${SLURM_JOB_ID:-${REANA_BATCH_JOB:-}}}
}

set_environment
hash bash  # or each row would look for it
run_chunk "${1:-0}"
code=$?
[[ ${2-} == followed ]] || exit "$code"
