# shellcheck shell=bash disable=SC2034,SC2154
# Run the server of a session until it is closed, or its time is over. The part of a kind of session has the functions
# KIND_server, KIND_port and KIND_asks.
#
# Facts: session kind program pages, and those of job/worker

page=
port=0
child=
started=0
token=

# Write what is known of the session. The record is renamed, so it is never incomplete.
write_session() { # STATE [REASON]
  local ended=0 record=$session/record
  [[ $1 == starting || $1 == open ]] || printf -v ended '%(%s)T' -1
  printf '%s\n' "state=$1" "reason=${2-}" "host=$record_host" "job=$scheduler_job" "page=$page" "port=$port" \
    "started=$started" "ended=$ended" >"$record.$$.tmp" && mv -fT "$record.$$.tmp" "$record"
}

fail_session() {
  say "$lacking"
  write_session failed "${lacking//$'\n'/ }"
  exit 1
}

run_session() {
  local lacking=
  printf -v started '%(%s)T' -1
  write_session starting
  if ! set_workspace_path || ! set_launcher; then fail_session; fi
  # shellcheck source=/dev/null
  [[ ! -e $session/environment ]] || . "$session/environment"
  read -r token <"$session/token"
  if ! find_page || ! launch_session || ! await_server; then fail_session; fi
  write_session open
  wait "$child"
  end_session "$?"
}

# Find the first program of the kind, as jupyter-lab.
find_page() { # -> $page $lacking
  local each
  # The worker may have it in another place than the login node.
  [[ ${#images[@]} -gt 0 || -e $program ]] || program=${program##*/}
  for each in "${pages[@]}"; do
    page=$each
    # shellcheck disable=SC2016  # the inner bash expands it
    ! "${launcher[@]}" bash -c 'command -v "$1"' bash "$program-$each" >/dev/null 2>&1 || return 0
  done
  page=
  lacking="${program##*/} is not installed${images[0]+ in the image}: it has none of ${pages[*]}"
  return 1
}

# Start the server in its own process group. The files that it makes in the workspace have the usual modes.
launch_session() { # -> $child
  set -m
  (umask 0022 && cd "$REANA_WORKSPACE" && "${kind}_server") </dev/null >>"$session/log" 2>&1 &
  child=$!
  set +m
}

# Wait until the server answers. It must refuse a request without the token.
await_server() { # -> $port $lacking
  until "${kind}_port" && "${kind}_asks" "$token" && [[ $code == 200 ]]; do
    kill -0 "$child" 2>/dev/null || { lacking="the server did not start: $(tail -n 1 "$session/log")"; return 1; }
    sleep 0.2
  done
  "${kind}_asks" '' && [[ $code == 40[13] ]] && return
  stop_session
  lacking="the server answers without the token (${code:-no answer})"
  return 1
}

# Send a request to the server, and read the code of its answer. It appears in no command line.
request() { # PATH HEADER -> $code
  local code_line
  code=
  { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n%s\r\n' "$1" "$port" "${2:+$2$'\r\n'}" >&3
  read -rt 10 code_line <&3
  exec 3>&-
  [[ $code_line =~ ^HTTP/1\.[01]\ ([0-9]+) ]] && code=${BASH_REMATCH[1]}
}

stop_session() {
  [[ -n $child ]] || return 0
  kill -TERM -- "-$child" 2>/dev/null
  wait "$child" 2>/dev/null
  child=
}

end_session() { # CODE
  case $1 in
    0) write_session ended "its user has shut it down" ;;
    124 | 137) write_session ended "its time was over" ;;
    *) write_session failed "the server ended with exit code $1: $(tail -n 1 "$session/log")" ;;
  esac
}

# Called by the traps of main.sh.
end_by_signal() { # NAME NUMBER
  trap '' TERM INT HUP
  stop_session
  write_session ended "it was ended from outside (SIG$1)"
  exit "$((128 + $2))"
}

# The trap of main.sh calls this when the job ends. The record and the logs stay.
leave_session() {
  local code=$?
  rm -rf "$session/token" "$session/environment" "$session/config" "$session/runtime"
  [[ -z $scratch ]] || clear_away "$scratch"
  exit "$code"
}
