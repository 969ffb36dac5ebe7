# shellcheck shell=bash disable=SC2034,SC2154
# Run a session. Its job.sh sets the facts and then reads this file. The working directory is the run directory.

speaker=$kind
trap leave_session EXIT
trap 'end_by_signal TERM 15' TERM
trap 'end_by_signal INT 2' INT
trap 'end_by_signal HUP 1' HUP
set_environment
umask 077
run_session
