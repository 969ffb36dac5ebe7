# shellcheck shell=bash disable=SC2034,SC2154
# Run the commands of a row, and find out why they failed.
#
# Facts: folder commands outputs images container_runtime row_time_limit run row own chunk cells; before, after, retries
# row_directories, workspace_mark and server, if not empty

child=
declare -A text_of=()

# Run the commands. If they fail, run them again as often as the step allows. A batch system that starts failed jobs
# again sets REANA_BATCH_TRIED to the number of its restarts.
run_attempts() {
  local code attempt
  for ((attempt = 1; ; attempt++)); do
    export REANA_BATCH_ATTEMPT=$((attempt + ${REANA_BATCH_TRIED:-0}))
    lacking='' blamed=output
    { [[ -z ${row_directories-} ]] || renew_row_directories; } &&
      { [[ -z ${before-} ]] || run_around "$before"; } && run_commands && { [[ -z ${after-} ]] || run_around "$after"; } &&
      { [[ ${#outputs[@]} -eq 0 ]] || check_outputs; } && return
    code=$?
    ((attempt <= ${retries:-0})) || return "$code"
    say "row $row: attempt $attempt failed (exit code $code), trying again"
    noted_command= # the next attempt is written down
  done
}

# Empty the directories of the row, if an earlier attempt or another row has left something in them.
renew_row_directories() {
  local each
  for each in "$REANA_WORKSPACE/$row_directories/$own" ${row_temporary:+"$row_temporary"}; do
    is_empty_folder "$each" || { rm -rf -- "$each" && mkdir -p -- "$each"; } ||
      { blamed=worker; worker_lacks "the directory $each cannot be made"; return; }
  done
}

is_empty_folder() { # PATH
  [[ -d $1 && ! -L $1 ]] || return
  set +f
  shopt -s dotglob nullglob
  set -- "$1"/*
  shopt -u dotglob nullglob
  set -f
  [[ $# -eq 0 ]]
}

run_commands() {
  local command script code
  command_number=0
  for command in "${commands[@]}"; do
    ((++command_number == noted_command)) || write_started "$command_number"
    set_script "$command"
    command_start=$SECONDS
    if [[ -z ${server-} ]]; then run_command "$run/$script"
    else serve_row "$script"
    fi
    code=$?
    ((code == 0)) && continue
    keep_script "$chunk" "$own"
    return "$code"
  done
}

# Set the path of a command's script. If the script differs between rows or runs, assemble it first.
set_script() { # COMMAND [ASSEMBLED] -> $script
  script=batch/steps/$folder/$1
  if [[ $1 == *' '* || $1 == =* || -n ${workspace_mark-} ]]; then
    script=${2:-state/$folder/running-$chunk}
    assemble "$1" "$script"
  fi
}

# Assemble the script of a command from "FILE =COLUMN FILE ...".
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
  [[ -z ${workspace_mark-} ]] || fill_in "$script"
  overwrite "$2" "$script" || { say "row $row: $2 cannot be written"; exit "$EXIT_WRITE"; }
}

# Run one script with its output in the row's logs. Job control gives it its own process group, so that a signal can end
# all its processes, and does not change its signals.
run_command() { # FILE
  [[ -z $overlay ]] || renew_overlay
  set -m
  (cd "$REANA_WORKSPACE" && exec_measured bash "$1") \
    </dev/null >>"logs/$folder/$own.out" 2>>"logs/$folder/$own.err" &
  child=$!
  set +m
  wait "$child"
  local code=$?
  child=
  note_memory
  return "$code"
}

# Run a command that the compiler added before or after the user's commands. It runs outside of their image.
run_around() { # COMMAND
  local script
  set_script "$1"
  # shellcheck source=/dev/null
  (cd "$REANA_WORKSPACE" && . "$run/$script") </dev/null >>"logs/$folder/$own.out" 2>>"logs/$folder/$own.err"
}

check_outputs() {
  local output missing=()
  for output in "${outputs[@]}"; do
    [[ $output != =* ]] || output=${cells[${output#=}]}
    [[ -e $REANA_WORKSPACE/$output || $output == /* && -e $output ]] || is_matched "$output" || missing+=("$output")
  done
  [[ ${#missing[@]} -eq 0 ]] || { lacking="missing: ${missing[*]}"; return "$EXIT_OUTPUT"; }
}

# Does a declared output match a file, as a pattern? compiler/patterns.py describes the patterns.
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

# Did apptainer fail before the command started? Then the last line of the log is apptainer's.
container_failed() { # CODE -> $lacking
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

# Set the file in which the kernel counts processes of this job that it killed for memory. Empty without such a file.
find_memory_events() { # -> $memory_events
  local line file=
  memory_events=
  {
    while read -r line; do
      case $line in
        *:memory:*) file=/sys/fs/cgroup/memory${line#*:memory:}/memory.oom_control ;;
        0::*) file=${file:-/sys/fs/cgroup${line#0::}/memory.events} ;;
      esac
    done </proc/self/cgroup
  } 2>/dev/null
  [[ ! -r $file ]] || memory_events=$file
}

count_memory_kills() { # -> $memory_kills
  local key value
  memory_kills=0
  [[ -n $memory_events ]] || return 0
  while read -r key value; do
    [[ $key != oom_kill ]] || memory_kills=$value
  done <"$memory_events"
}

# Did the kernel kill a process of the row for memory?
killed_for_memory() {
  local before=$memory_kills
  count_memory_kills
  ((memory_kills > before))
}
