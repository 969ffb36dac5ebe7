# shellcheck shell=bash disable=SC2034,SC2154
# Run a job. job.sh sets the facts of its step and then reads this file. Both need bash 4.4 and coreutils only. The
# working directory is the run directory.

speaker=$step
set -f # unquoted variables are split into words, and are never patterns
trap leave EXIT
trap 'on_signal TERM 15' TERM
trap 'on_signal INT 2' INT
trap 'on_signal HUP 1' HUP
set_environment
find_memory_events
count_memory_kills
if [[ ${2-} == shell ]]; then
  open_shell "$1"
  exit
fi
hash bash # otherwise each row would search for it
run_chunk "${1:-0}"
code=$?
[[ ${2-} == followed ]] || exit "$code"
