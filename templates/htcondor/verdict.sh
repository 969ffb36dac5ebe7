# shellcheck shell=bash
# Some steps have single rows that other steps wait for. DAGMan calls this after each job of such a step, and once after
# all of them.
#
#   verdict.sh job STEM CODE RETRY RETRIES   note whether the job failed; its node fails only if DAGMan shall retry it
#   verdict.sh step FOLDER                   fail if a job of the step failed
case $1 in
  job)
    (($3 != 0)) || exec rm -f "$2.unfinished"
    (($4 == $5)) && : >"$2.unfinished"
    ;;
  step) [[ -z $(find "$2" -name '*.unfinished' -print -quit) ]] ;;
esac
