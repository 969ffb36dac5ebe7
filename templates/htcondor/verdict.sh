# shellcheck shell=bash
# DAGMan calls this after each job of a step of whose rows others wait for single ones, and once after all of them.
#
#   verdict.sh job STEM CODE RETRY RETRIES   note whether the job failed; its node fails only to be tried again
#   verdict.sh step FOLDER                   fail if a job of the step did
case $1 in
  job)
    (($3 != 0)) || exec rm -f "$2.unfinished"
    (($4 == $5)) && : >"$2.unfinished"
    ;;
  step) [[ -z $(find "$2" -name '*.unfinished' -print -quit) ]] ;;
esac
