#!/bin/bash
# A batch system for the examples of the manual. The name of the command decides which one it is. At the first question
# about the queue all jobs wait. Before the second question all jobs run in order, until one fails.
set -u
queue=$HOME/.queue asked=$HOME/.asked
touch "$queue"
me=${0##*/}

run_all() {
  local directory script argument
  while read -r directory script argument; do
    (cd "$directory" && env -i HOME="$HOME" PATH="$PATH" bash "$script" "$argument") >/dev/null 2>&1 || break
  done <"$queue"
  : >"$queue"
}

# Note the question. Succeed if it is the first since the last submission.
first_question() {
  [[ ! -e $asked ]] || return 1
  : >"$asked"
}

case $me in
  sbatch)
    rm -f "$asked"
    id=$(($(cat "$HOME/.last-id" 2>/dev/null || echo 4710) + 1))
    echo "$id" | tee "$HOME/.last-id"
    [[ $* == *finaliser* ]] || printf '%s %s %s\n' "$PWD" "${*: -2:1}" "${*: -1}" >>"$queue"
    ;;
  squeue)
    [[ $* == *--jobs=* ]] || exit 0 # all of a user's jobs: the program asks for them only after a fault
    if [[ -e $HOME/.reasons ]]; then # of the jobs in turn
      read -ra reasons <"$HOME/.reasons"
      number=0
      for id in $(tr , ' ' <<<"${*##*--jobs=}"); do
        echo "$id|PENDING|${reasons[number++ % ${#reasons[@]}]}|0|(null)|"
      done
    elif first_question; then
      for id in $(tr , ' ' <<<"${*##*--jobs=}"); do echo "$id|PENDING|Dependency|0|(null)|"; done
    else
      run_all
      echo "slurm_load_jobs error: Invalid job id specified" >&2
      exit 1
    fi
    ;;
  condor_submit_dag)
    rm -f "$asked"
    while read -r word node _; do
      [[ $word != JOB ]] || printf '%s batch/steps/%s/job.sh %s\n' "$PWD" "${node%.*}" "${node##*.}" >>"$queue"
    done <"${*: -1}"
    echo "1 job(s) submitted to cluster 4711."
    ;;
  condor_q)
    if first_question; then
      echo '[{"ClusterId": 4711, "ProcId": 0, "JobStatus": 2}]'
    else
      run_all
    fi
    ;;
  scancel | condor_rm) : >"$queue" ;;
  scontrol) ;;
  apptainer)
    while [[ $1 != bash ]]; do shift; done
    exec "$@"
    ;;
  *)
    echo "unknown: $me" >&2
    exit 1
    ;;
esac
