# shellcheck shell=bash disable=SC2034,SC2154
# Read by a job's command, which has set the facts of one reference.

# shellcheck source=/dev/null
. "${REANA_WORKSPACE%/*}/batch/data/lib.sh"
prepare_transfer
read_setup
stage_in
