# shellcheck shell=bash disable=SC2034,SC2154
# Open a shell in the place of a row's command: in its container, workspace and environment, with its credentials.
#
# Facts: those of run_row. It writes no record and no log.

shelf= # a private folder, with the scripts that the row has assembled

open_shell() { # ROW
  local lacking='' own stem log command blamed accused='' command_start=$SECONDS cells=() command_number=0
  trap : INT # the shell gets the signals of the terminal
  [[ -z ${row_directories-} ]] || make_row_directories "$1" "$(($1 + 1))"
  set_stem "$1" "$row_count"
  own=$stem chunk=$(($1 / chunk_size)) life_needed=0
  shelf=$(make_scratch) || return "$EXIT_WRITE"
  binds+=("$shelf") log=$shelf/log
  [[ -z ${credentials+asked} ]] || prepare_credentials || return
  # On the machine of the user, the batch system does not start the container.
  [[ $container_runtime != htcondor || -n ${_CONDOR_SCRATCH_DIR-} ]] || container_runtime=apptainer
  check_cvmfs && check_python && check_programs && set_workspace_path && set_launcher || return
  [[ $has_table == no ]] || read_cells "$1"
  export REANA_BATCH_ATTEMPT=1
  if [[ -n ${server-} ]]; then shell_of_server "$1"
  else shell_of_command "$1"
  fi
}

# Open the shell for the command that failed, or for the first.
shell_of_command() { # ROW
  local failed=1 key value script
  [[ ! -e state/$folder/$own.failed ]] ||
    while IFS='=' read -r key value; do [[ $key != command ]] || failed=$value; done <"state/$folder/$own.failed"
  [[ -z ${before-} ]] || say "row $1: before the command, the job runs batch/steps/$folder/${before%% *}"
  set_script "${commands[failed - 1]:-${commands[0]}}" "$shelf/command"
  [[ $script == /* ]] || script=$run/$script
  run_in_shell "$script"
}

# Let the server prepare the row, and open the shell when it asks for the command.
shell_of_server() { # ROW
  local script reply place=machine plain=("${launcher[@]}")
  [[ ! -e state/$folder/$own.done ]] ||
    { say "row $1 is done, and its server would make its outputs again"; return "$EXIT_WRITE"; }
  [[ $container_runtime != apptainer || ${#images[@]} -eq 0 ]] || place=image
  set_script "${commands[0]}" "$shelf/command"
  serving=$(mktemp -d "state/$folder/serving-$chunk-XXXXXX") || return "$EXIT_WRITE"
  start_server
  tell_server "row $own $script $log.out $log.err $serving $place"
  if hear_server && [[ $reply =~ ^run\ [0-9]+$ ]] && set_server_launcher 0; then run_in_shell "$run/$serving/command"
  else
    [[ ! -s $log.err ]] || cat "$log.err" >&2
    say "row $1: its server asks for no command: ${reply:-${lacking:-no answer}}"
    return "$EXIT_WORKER"
  fi
}

# Show a script, and open the shell that could run it. Commands may also come from standard input.
run_in_shell() { # FILE
  local words=(bash)
  [[ ${launcher[0]-} != timeout ]] || launcher=("${launcher[@]:3}")
  [[ -z $overlay ]] || renew_overlay
  printf '%s, which is not run:\n' "$1" >&2
  { LC_ALL=C tr -d '\000-\010\013-\037\177' <"$1" | sed 's/^/  /'; [[ -z $(tail -c 1 "$1") ]] || echo; } >&2
  if [[ -t 0 ]]; then
    printf '%s\n' "PS1='[$step:$own] \\W\\$ '" >"$shelf/rc"
    words=(bash --rcfile "$shelf/rc" -i)
  fi
  (cd "$REANA_WORKSPACE" && exec "${launcher[@]}" "${words[@]}")
}
