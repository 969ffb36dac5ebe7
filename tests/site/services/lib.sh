# shellcheck shell=bash
# For the service scripts, which run in the box as root. Each defines
#   ready   true when the service answers (cheap; if it does, the service is not started)
#   start   write the configuration, make the files for the first start, start the daemons that are not running
#   finish  shut down cleanly (only if a signal to all daemons at once is not enough)
set -euo pipefail

finish() { :; }

wait_for() { # SECONDS CMD...
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "gave up waiting for: $*" >&2; return 1; }
        sleep 0.1
    done
}

running() { pgrep -x "$1" >/dev/null; } # names are cut at 15 characters
gone() { [ ! -e "/proc/$1" ]; }
listening() { [ -n "$(ss -Hltn "sport = :$1")" ]; }
as_user() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
daemon() { setsid "$@" </dev/null & } # starts programs that stay in the foreground

end() { # SIGNAL PID...: end these processes, and wait until they are gone
    local signal=$1 pid
    shift
    kill "-$signal" "$@"
    for pid in "$@"; do wait_for 60 gone "$pid"; done
}
