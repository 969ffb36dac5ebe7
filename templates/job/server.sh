# shellcheck shell=bash disable=SC2034,SC2154
# The server of a step: a Python program that runs its rows. This job starts it, sends it a request for each row, and runs
# the commands that it asks for. docs/run-directory.md has the words of both.
#
# Facts: server folder images container_runtime row_time_limit run own chunk launcher

# The seconds that a server has to end when it can read nothing more.
readonly SERVER_PATIENCE=5

server_pid=
server_answered=
serving=
isolates=

# Let the server run the row. Its files of the row are in a new folder. The batch system can start a job again while the
# earlier one still runs, so each has folders of its own: mktemp replaces the letters at the end of their names.
serve_row() { # REQUEST
  local code
  serving=$(mktemp -d "state/$folder/serving-$chunk-XXXXXX") ||
    { say "row $row: state/$folder is not writable"; exit "$EXIT_WRITE"; }
  start_server
  talk_about_row "$1"
  code=$?
  clear_away "$serving"
  serving=
  return "$code"
}

# Start the server if it is not running. Its own process group lets a signal end all its processes.
start_server() {
  [[ -z $server_pid ]] || ! kill -0 "$server_pid" 2>/dev/null || return 0
  [[ -z $server_pid ]] || stop_server
  trap : PIPE # writing to a server that has ended must not end this job; commands do not inherit a trap
  server_answered=
  set -m
  # shellcheck disable=SC2211  # SERVER is the name of the coprocess
  coproc SERVER { exec "$REANA_BATCH_PYTHON" -P -m "$server" "batch/steps/$folder" 2>>"${log-logs/$folder/$own}.err"; }
  server_pid=$!
  set +m
}

# Send the request of the row, and do what the server asks for until it says how the row has ended.
talk_about_row() { # REQUEST
  local reply place=machine accused=
  [[ $container_runtime != apptainer || ${#images[@]} -eq 0 ]] || place=image
  tell_server "row $own $1 logs/$folder/$own.out logs/$folder/$own.err $serving $place"
  while hear_server; do
    if [[ $reply =~ ^run\ ([0-9]+)$ ]]; then
      run_for_server "${BASH_REMATCH[1]}" || return
    else
      end_served_row
      return
    fi
  done
  lose_server
}

tell_server() { # LINE
  { printf '%s\n' "$1" >&"${SERVER[1]-}"; } 2>/dev/null
}

# Read a line of the server. Fails if the server has ended, and when the row has used up its time. A process that the
# server has started may keep its output open, so end of file is not the only sign of its end.
hear_server() { # -> $reply
  local piece
  reply=
  until has_output && IFS= read -rt 1 -u "${SERVER[0]-}" piece; do
    (($? > 128)) || return
    if [[ -n $piece ]]; then
      reply+=$piece piece=
      is_more_there || break
    else
      kill -0 "$server_pid" 2>/dev/null || return
      ! is_row_over || return
    fi
  done
  reply+=$piece
  server_answered=yes
}

# Whether more of a line can be read. If the second of a read ends with the line, bash says that it has ended too soon,
# although it has read the end of the line. A server writes a line at once, so what is missing of it can be read.
is_more_there() { read -rt 0 -u "${SERVER[0]-}"; }

# Bash closes the pipes of a server that has ended. Reading has to keep stderr, because a signal can write there then.
has_output() { [[ -n ${SERVER[0]-} ]]; }

is_row_over() { [[ -n $row_time_limit ]] && ((SECONDS - command_start >= row_time_limit)); }

# Return the code of the row, which the last answer of the server says.
end_served_row() { # -> $lacking $blamed
  local word=${reply%% *} text=${reply#* }
  case $word in
    done) return 0 ;;
    failed)
      [[ -z $accused ]] || { blame_worker "$accused"; return; }
      [[ ! $text =~ ^[1-9][0-9]{0,2}$ ]] || return "$text"
      ;;
    lacks) lacking="missing or wrong: $text"; return "$EXIT_OUTPUT" ;;
    broken) blame_worker "$text"; return ;;
  esac
  end_server
  blame_worker "the server $server answered: $reply"
}

blame_worker() { # DETAIL -> $lacking $blamed
  lacking=$1 blamed=worker
  return "$EXIT_WORKER"
}

# Run the command of the server with the launcher of the row, and tell the server its exit code.
run_for_server() { # SECONDS -> $accused
  local code plain=("${launcher[@]}")
  lacking='' accused=''
  set_server_launcher "$1" || { launcher=("${plain[@]}"); end_server; blame_worker "$lacking"; return; }
  run_command "$run/$serving/command"
  code=$?
  launcher=("${plain[@]}")
  [[ $code != 255 && $code != 1 ]] || ! container_failed "$code" || accused=$lacking
  lacking=
  tell_server "exit $code"
  return 0
}

# Set what comes before "bash FILE": the time limit that ends first, and in a container the mounts that the server asks
# for, after those of the step.
set_server_launcher() { # SECONDS -> $launcher
  local limit=$1 left source destination mode
  if [[ -n $row_time_limit ]]; then
    left=$((command_start + row_time_limit - SECONDS))
    ((limit > 0 && limit < left)) || limit=$((left > 0 ? left : 1))
  fi
  launcher=()
  ((limit == 0)) || launcher=(timeout --kill-after=30 "$limit")
  [[ $place == image ]] || return 0
  launcher+=("${plain[@]:0:${#plain[@]}-1}")
  [[ ! -e $serving/isolated ]] || cut_network || return
  if [[ -e $serving/mounts ]]; then
    while IFS= read -rd '' source && IFS= read -rd '' destination && IFS= read -rd '' mode; do
      add_mount "$source" "$destination" "$mode"
    done <"$serving/mounts"
  fi
  launcher+=("${plain[-1]}")
}

cut_network() { # -> $launcher
  local said without=(--net --network none)
  if [[ -n $isolates ]]; then
    launcher+=("${without[@]}")
    return
  fi
  [[ -z $overlay ]] || renew_overlay
  if starts_with "${plain[-1]}" "${without[@]}"; then isolates=yes
  else worker_lacks "apptainer cannot start a container without a network: ${said##*$'\n'}"
  fi
}

# The server says nothing more: the row has used up its time, or the server has ended.
lose_server() { # -> $lacking $blamed
  if is_row_over; then
    end_server
    return 124
  fi
  stop_server
  if ((server_code == 137)) && killed_for_memory; then
    lacking='its memory limit' blamed=signal
    return 137
  fi
  lacking="the server $server ended with exit code $server_code"
  [[ -n $server_answered ]] || lacking+=": $(tail -n 1 "logs/$folder/$own.err")"
  blame_worker "$lacking"
}

# End a server that may be busy.
end_server() {
  kill -TERM -- "-$server_pid" 2>/dev/null
  stop_server
}

# Wait until the server has ended because it can read nothing more. If it does not, or leaves processes, kill them.
stop_server() { # -> $server_code
  local line end=$((SECONDS + SERVER_PATIENCE))
  # shellcheck disable=SC1083  # the braces name the variable with the number
  [[ -z ${SERVER[1]-} ]] || exec {SERVER[1]}>&-
  while has_output && ((SECONDS <= end)) && IFS= read -rt "$SERVER_PATIENCE" -u "${SERVER[0]-}" line; do :; done
  kill -KILL -- "-$server_pid" 2>/dev/null
  wait "$server_pid" 2>/dev/null
  server_code=$?
  server_pid=
}

# Delete the folders that killed jobs of this chunk have left. All its rows are done.
clear_earlier() {
  local each
  set +f
  for each in "state/$folder/serving-$chunk"-*; do
    [[ ! -e $each ]] || clear_away "$each"
  done
  set -f
}

# Called when the job ends.
leave_server() {
  [[ -z $server_pid ]] || stop_server
  [[ -z $serving ]] || clear_away "$serving"
}
